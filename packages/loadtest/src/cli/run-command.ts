import { resolve } from 'node:path';

import { Option, type Command } from 'commander';

import { runScenario } from '../run-scenario.ts';
import type { RunResult } from '../run-result.ts';
import { scaleScenario, withDuration, type Scenario } from '../scenario.ts';
import { renderSummary } from '../summary-text.ts';
import { listenForInterrupts } from './interrupts.ts';
import type { CliIo } from './io.ts';
import { loadScenario } from './load-scenario.ts';
import { parseCount, parseFactor, parseTime } from './parse-flag.ts';
import { createProgressView } from './progress-view.ts';
import { addTargetFlags, collect, createDriver, fitToTarget, watchPermits, type TargetFlags } from './target.ts';
import { parseFormats, REPORT_FORMATS, writeReports, type ReportFormat } from './write-reports.ts';

interface RunFlags extends TargetFlags {
  timeScale: number;
  duration?: number;
  warmup?: number;
  drain?: number;
  requests?: number;
  sessions?: number;
  seed: number;
  threshold: string[];
  allowUndecided: boolean;
  maxStall: number;
  out: string;
  format: ReportFormat[];
  live: 'auto' | 'plain' | 'off';
}

/** Adds `run` to the command line; `setExit` is given the exit code of the verdict. */
export function addRunCommand(program: Command, io: CliIo, setExit: (code: number) => void): void {
  const command = program
    .command('run')
    .description('run a scenario and report')
    .argument('<scenario>', 'name of a built-in scenario, or a .json file');
  addTargetFlags(command)
    .option('--time-scale <factor>', 'scale of service, think and time-out values', parseFactor, 1)
    .option('--duration <time>', 'measured time, such as 20s', parseTime)
    .option('--warmup <time>', 'time before the measured time', parseTime)
    .option('--drain <time>', 'longest wait for calls in flight at the end', parseTime)
    .option('--requests <count>', 'calls at most', parseCount)
    .option('--sessions <count>', 'sessions, in place of those of the scenario', parseCount)
    .option('--seed <number>', 'seed of the mix, the service times and the arrivals', parseCount, 42)
    .option(
      '--threshold <expression>',
      'a further threshold, such as "chat.response.p95 < 2s"; repeat for more',
      collect,
      [],
    )
    .option('--allow-undecided', 'thresholds that too few calls support do not fail the run', false)
    .option('--max-stall <time>', 'stall of the load tester itself that voids the run', parseTime, 150)
    .option('--out <directory>', 'where reports are written', 'reports')
    .addOption(
      new Option('--format <formats>', `kinds of reports (${REPORT_FORMATS.join(', ')})`)
        .argParser(parseFormats)
        .default(['json']),
    )
    .addOption(
      new Option('--live <kind>', 'what is shown during the run').choices(['auto', 'plain', 'off']).default('auto'),
    )
    .action(async (name: string, flags: RunFlags) => {
      const result = await run(name, flags, io);
      const paths = writeReports(result, resolve(io.cwd, flags.out), flags.format);
      io.out(renderSummary(result));
      for (const path of paths) io.out(`report     ${path}`);
      setExit(result.verdict.exit);
    });
}

async function run(name: string, flags: RunFlags, io: CliIo): Promise<RunResult> {
  const asked = adjust(loadScenario(name, io.cwd), flags);
  const scenario = await fitToTarget(scaleScenario(asked, flags.timeScale), flags.timeScale, createDriver(flags, io));
  const permits = await watchPermits(flags, Math.max(50, 500 * Math.min(1, flags.timeScale * 10)));
  using interrupts = listenForInterrupts(io);
  const view = createProgressView(io, flags.live);
  const result = await runScenario(scenario, {
    driver: createDriver(flags, io, scenario),
    seed: flags.seed,
    timeScale: flags.timeScale,
    allowUndecided: flags.allowUndecided,
    maxStallMs: flags.maxStall,
    signal: interrupts.signal,
    abandonSignal: interrupts.abandonSignal,
    onProgress: view.onProgress,
    onCall: view.onCall,
    ...(permits && { permits }),
  });
  view.end();
  return result;
}

function adjust(scenario: Scenario, flags: RunFlags): Scenario {
  const timed = flags.duration === undefined ? scenario : withDuration(scenario, flags.duration);
  const { load } = timed;
  return {
    ...timed,
    ...(flags.sessions !== undefined && load.kind !== 'sessions' && { load: { ...load, sessions: flags.sessions } }),
    ...(flags.warmup !== undefined && { warmupMs: flags.warmup }),
    ...(flags.drain !== undefined && { drainMs: flags.drain }),
    ...(flags.requests !== undefined && { maxCalls: flags.requests }),
    thresholds: [...(timed.thresholds ?? []), ...flags.threshold],
  };
}
