import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

import type { Command } from 'commander';

import { BUILT_IN_SCENARIOS, builtInScenario } from '../built-in-scenarios.ts';
import { formatMs } from '../duration.ts';
import { explain, type Explanation } from '../explain.ts';
import { LoadTestError } from '../load-test-error.ts';
import { parseReport } from '../parse-report.ts';
import { scaleScenario, withDuration } from '../scenario.ts';
import type { CliIo } from './io.ts';
import { loadScenario, readJson } from './load-scenario.ts';
import { parseFactor, parseTime } from './parse-flag.ts';
import { formatOption, render, REPORT_EXTENSION, type ReportFormat } from './write-reports.ts';

/** Adds the commands that send nothing: `list`, `init`, `validate`, `explain` and `report`. */
export function addOfflineCommands(program: Command, io: CliIo): void {
  addList(program, io);
  addInit(program, io);
  addValidate(program, io);
  addExplain(program, io);
  addReport(program, io);
}

function addList(program: Command, io: CliIo): void {
  program
    .command('list')
    .description('list the built-in scenarios')
    .action(() => {
      for (const { name, description = '' } of BUILT_IN_SCENARIOS) io.out(`${name.padEnd(18)} ${description}`);
      io.out(`${'interference'.padEnd(18)} does one session suffer from another: exai-loadtest interfere`);
    });
}

function addInit(program: Command, io: CliIo): void {
  program
    .command('init')
    .description('write a scenario file to start from')
    .argument('[file]', 'where', 'scenario.json')
    .option('--from <scenario>', 'built-in scenario to copy', 'baseline')
    .action((file: string, { from }: { from: string }) => {
      const path = resolve(io.cwd, file);
      if (existsSync(path)) throw new LoadTestError('INVALID_OPTION', `the file must not exist yet, got ${path}`);
      writeFileSync(path, `${JSON.stringify(builtInScenario(from), null, 2)}\n`);
      io.out(`wrote      ${path}`);
      io.out(`try        exai-loadtest explain ${file}`);
    });
}

function addValidate(program: Command, io: CliIo): void {
  program
    .command('validate')
    .description('check a scenario file')
    .argument('<file>')
    .action((file: string) => {
      const scenario = loadScenario(file, io.cwd);
      io.out(`${scenario.name} is valid: ${scenario.mix.length} tools, ${scenario.load.kind} load`);
    });
}

function addExplain(program: Command, io: CliIo): void {
  program
    .command('explain')
    .description(
      'tell which limit will bind, how many calls to expect and which percentiles they support; sends nothing',
    )
    .argument('<scenario>', 'name of a built-in scenario, or a .json file')
    .option('--time-scale <factor>', 'scale of service, think and time-out values', parseFactor, 1)
    .option('--duration <time>', 'measured time, such as 20s', parseTime)
    .action(async (name: string, { timeScale, duration }: { timeScale: number; duration?: number }) => {
      const scenario = scaleScenario(loadScenario(name, io.cwd), timeScale);
      io.out(renderExplanation(await explain(duration === undefined ? scenario : withDuration(scenario, duration))));
    });
}

function addReport(program: Command, io: CliIo): void {
  program
    .command('report')
    .description('write reports again from a JSON report')
    .argument('<file>', 'a JSON report')
    .option('--out <directory>', 'where', '.')
    .addOption(formatOption(['html']))
    .action((file: string, { out, format }: { out: string; format: ReportFormat[] }) => {
      const result = parseReport(readJson(resolve(io.cwd, file), 'INVALID_REPORT'));
      for (const one of format) {
        const path = join(resolve(io.cwd, out), `${basename(file, '.json')}.${REPORT_EXTENSION[one]}`);
        writeFileSync(path, render(result, one));
        io.out(`report     ${path}`);
      }
    });
}

function renderExplanation({
  bounds,
  binding,
  expectedCalls,
  simulated,
  supported,
  meanServiceMs,
}: Explanation): string {
  const percentiles = (row: Explanation['supported'][number]): string =>
    row.percentiles
      .map(({ p, floor, isSupported }) => `p${p * 100} ${isSupported ? 'supported' : `unsupported (n < ${floor})`}`)
      .join(', ');
  return [
    `mean service  ${formatMs(meanServiceMs)}`,
    ...bounds.map(
      ({ name, perSecond }) =>
        `bound         ${name}: ${perSecond.toPrecision(3)} calls/s${binding.includes(name) ? '   <- binds' : ''}`,
    ),
    `expected      about ${expectedCalls} calls by the bounds`,
    ...(simulated
      ? [
          `simulated     ${simulated.calls} calls, ${simulated.meanInFlight} in flight, response p50 ${formatMs(simulated.responseP50Ms ?? 0)}, p95 ${formatMs(simulated.responseP95Ms ?? 0)}`,
        ]
      : []),
    ...supported.map((row) => `${row.name.padEnd(13)} n = ${row.calls}: ${percentiles(row)}`),
  ].join('\n');
}

/** Reads several JSON reports. */
export function readReports(files: readonly string[], cwd: string): ReturnType<typeof parseReport>[] {
  return files.map((file) => parseReport(readJson(resolve(cwd, file), 'INVALID_REPORT')));
}

/** Reads a text file. @throws LoadTestError INVALID_OPTION naming it */
export function readText(file: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    throw new LoadTestError('INVALID_OPTION', `${file} could not be read`, { cause: error });
  }
}
