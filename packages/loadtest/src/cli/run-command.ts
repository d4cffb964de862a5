import { resolve } from 'node:path';

import { Option, type Command } from 'commander';

import type { InterferenceResult } from '../interference.ts';
import { LoadTestError } from '../load-test-error.ts';
import { runScenario } from '../run-scenario.ts';
import type { RunResult } from '../run-result.ts';
import { MAX_CALLS, scaleScenario, withDuration, type Scenario } from '../scenario.ts';
import { LONGEST_STALL_MS } from '../self-checks.ts';
import { DEFAULT_USD_PER_MTOK } from '../spend.ts';
import { renderSummary } from '../summary-text.ts';
import { scenarioOfTrace } from '../trace.ts';
import { INTERFERENCE_TOLERANCE, runInterference } from './interference-test.ts';
import { listenForInterrupts, type Interrupts } from './interrupts.ts';
import type { CliIo } from './io.ts';
import { loadScenario } from './load-scenario.ts';
import { readText } from './offline-commands.ts';
import { parseCount, parseFactor, parseTime } from './parse-flag.ts';
import { createProgressView } from './progress-view.ts';
import { limitSpend } from './limit-spend.ts';
import {
  addTargetFlags,
  collect,
  createDriver,
  createFaults,
  fitToTarget,
  watchPermits,
  type TargetFlags,
} from './target.ts';
import { formatOption, writeReports, type ReportFormat } from './write-reports.ts';

/** Flags of every command that runs a scenario. */
export interface RunFlags extends TargetFlags {
  timeScale: number;
  duration?: number;
  warmup?: number;
  drain?: number;
  requests?: number;
  sessions?: number;
  seed: number;
  repeat: number;
  threshold: string[];
  allowUndecided: boolean;
  interference: boolean;
  maxStall: number;
  maxUsd?: number;
  usdPerMtok: number;
  out: string;
  format: ReportFormat[];
  live: 'auto' | 'plain' | 'off';
}

/** Longest measured time of a scenario: nobody means to load a server for a week. */
const LONGEST_RUN_MS = 24 * 3_600_000;
/** Sessions beyond which a typing error is likelier than a wish. */
const MOST_SESSIONS = 10_000;

/** Adds `run` and `replay`; `setExit` is given the exit code of the worst verdict. */
export function addRunCommands(program: Command, io: CliIo, setExit: (code: number) => void): void {
  const run = program
    .command('run')
    .description('run a scenario and report')
    .argument('<scenario>', 'name of a built-in scenario, or a .json file');
  addRunFlags(run).action((name: string, flags: RunFlags) => runAll(loadScenario(name, io.cwd), flags, io, setExit));

  const replay = program
    .command('replay')
    .description('replay a trace: one JSON object per line with atMs, tool and, if known, provider and serviceMs')
    .argument('<trace.jsonl>')
    .option('--speed <factor>', 'times faster than the trace', parseFactor, 1);
  addRunFlags(replay).action((file: string, flags: RunFlags & { speed: number }) => {
    const { sessions = 5, speed } = flags;
    return runAll(scenarioOfTrace(readText(file, io.cwd), { sessions, speed }), flags, io, setExit);
  });
}

/** Adds the flags of {@link RunFlags} to a command. */
export function addRunFlags(command: Command): Command {
  return addTargetFlags(command)
    .option('--time-scale <factor>', 'scale of service, think and time-out values', parseFactor, 1)
    .option('--duration <time>', 'measured time, such as 20s', parseTime)
    .option('--warmup <time>', 'time before the measured time', parseTime)
    .option('--drain <time>', 'longest wait for calls in flight at the end', parseTime)
    .option('--requests <count>', 'calls at most', parseCount)
    .option('--sessions <count>', 'sessions, in place of those of the scenario', parseCount)
    .option('--seed <number>', 'seed of the mix, the service times and the arrivals', parseCount, 42)
    .option('--repeat <count>', 'runs, each with its own reports and the next seed', parseCount, 1)
    .option(
      '--threshold <expression>',
      'a further threshold, such as "chat.response.p95 < 2s"; repeatable',
      collect,
      [],
    )
    .option('--allow-undecided', 'thresholds that too few calls support do not fail the run', false)
    .option('--interference', 'also test whether one session suffers from another (exit 7 when it does)', false)
    .option('--max-stall <time>', 'stall of the load tester itself that voids the run', parseTime, LONGEST_STALL_MS)
    .option(
      '--max-usd <amount>',
      'most that the run may cost, in US dollars (default: 1 where models are real)',
      parseFactor,
    )
    .option(
      '--usd-per-mtok <price>',
      'dollars per million tokens, where the target names no cost',
      parseFactor,
      DEFAULT_USD_PER_MTOK,
    )
    .option('--out <directory>', 'where reports are written', 'reports')
    .addOption(formatOption(['json', 'html']))
    .addOption(
      new Option('--live <kind>', 'what is shown during the run').choices(['auto', 'plain', 'off']).default('auto'),
    );
}

async function runAll(asked: Scenario, flags: RunFlags, io: CliIo, setExit: (code: number) => void): Promise<void> {
  using interrupts = listenForInterrupts(io);
  for (let index = 0; index < flags.repeat && !interrupts.signal.aborted; index += 1) {
    const result = await runOnce(asked, { ...flags, seed: flags.seed + index }, io, interrupts);
    const paths = writeReports(result, resolve(io.cwd, flags.out), flags.format);
    io.out(renderSummary(result));
    for (const path of paths) io.out(`report     ${path}`);
    setExit(result.verdict.exit);
  }
}

/** Runs one scenario against the target of the flags. */
export async function runOnce(asked: Scenario, flags: RunFlags, io: CliIo, interrupts: Interrupts): Promise<RunResult> {
  const scaled = scaleScenario(adjust(asked, flags), flags.timeScale);
  const probe = createDriver(flags, io);
  const scenario = await fitToTarget(scaled, flags.timeScale, probe);
  const spend = await limitSpend(scaled, flags, probe.info());
  const interference = flags.interference ? await interfere(scenario, flags, io, interrupts) : undefined;
  const permits = await watchPermits(flags, Math.min(500, Math.max(50, 5000 * flags.timeScale)));
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
    ...(spend && { spend }),
    ...(permits && { permits }),
    ...(interference && { interference }),
    ...((scenario.faults ?? []).length > 0 && { faults: createFaults(flags, io) }),
  });
  view.end();
  return result;
}

/** Two sessions of the target: one calls evenly, one floods another provider when the scenario has more than one. */
function interfere(
  scenario: Scenario,
  flags: RunFlags,
  io: CliIo,
  interrupts: Interrupts,
): Promise<InterferenceResult> {
  io.err('interference test: 24 blocks');
  const { tool = 'chat', providers = {} } = scenario.mix[0] ?? {};
  const [own, other = own] = Object.entries(providers)
    .sort(([, a], [, b]) => b - a)
    .map(([name]) => name);
  return runInterference(flags, io, {
    seed: flags.seed,
    signal: interrupts.signal,
    tolerance: INTERFERENCE_TOLERANCE,
    maxStallMs: flags.maxStall,
    victim: { tool, serviceMs: 20, perSecond: 25, ...(own !== undefined && { provider: own }) },
    aggressor: { tool, serviceMs: 100, inFlight: 8, ...(other !== undefined && { provider: other }) },
  });
}

function adjust(scenario: Scenario, flags: RunFlags): Scenario {
  if ((flags.duration ?? 0) > LONGEST_RUN_MS) throw tooMuch('--duration', '24h', flags.duration);
  if ((flags.requests ?? 0) > MAX_CALLS) throw tooMuch('--requests', MAX_CALLS, flags.requests);
  if ((flags.sessions ?? 0) > MOST_SESSIONS) throw tooMuch('--sessions', MOST_SESSIONS, flags.sessions);
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

function tooMuch(flag: string, most: number | string, value: number | undefined): LoadTestError {
  return new LoadTestError('INVALID_OPTION', `${flag} must be at most ${most}, got ${value ?? 0}`);
}
