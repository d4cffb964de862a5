import { Option, type Command } from 'commander';

import { auditDisconnects } from '../audit-disconnects.ts';
import { builtInScenario } from '../built-in-scenarios.ts';
import { calibrateClient } from '../calibrate-client.ts';
import { formatMs } from '../duration.ts';
import { describeSharing, type InterferenceResult } from '../interference.ts';
import { LoadTestError } from '../load-test-error.ts';
import { countPermits } from '../permit-count.ts';
import type { Load, Scenario } from '../scenario.ts';
import { searchCapacity, type SearchPoint } from '../search.ts';
import { LONGEST_STALL_MS } from '../self-checks.ts';
import { EXIT } from '../verdict.ts';
import { INTERFERENCE_TOLERANCE, runInterference } from './interference-test.ts';
import { listenForInterrupts } from './interrupts.ts';
import type { CliIo } from './io.ts';
import { loadScenario } from './load-scenario.ts';
import { parseCount, parseFactor, parseTime } from './parse-flag.ts';
import { addRunFlags, runOnce, type RunFlags } from './run-command.ts';
import { addTargetFlags, createDriver, watchPermits, type TargetFlags } from './target.ts';

/** Adds `interfere`, `audit`, `calibrate` and `search`. */
export function addExperimentCommands(program: Command, io: CliIo, setExit: (code: number) => void): void {
  addInterfere(program, io, setExit);
  addAudit(program, io, setExit);
  addCalibrate(program, io);
  addSearch(program, io, setExit);
}

interface InterfereFlags extends TargetFlags {
  pairs: number;
  block: number;
  seed: number;
  victimService: number;
  aggressorService: number;
  inflight: number;
  provider: string;
  aggressorProvider: string;
  tolerance: number;
  maxStall: number;
}

function addInterfere(program: Command, io: CliIo, setExit: (code: number) => void): void {
  const command = program
    .command('interfere')
    .description(
      'test whether one session suffers from another, by random blocks and an exact test; exit 7 when it does',
    );
  addTargetFlags(command)
    .option('--pairs <count>', 'pairs of blocks with and without the aggressor, 8 to 20', parseCount, 12)
    .option('--block <time>', 'length of a block', parseTime, 700)
    .option('--victim-service <time>', 'service time of the victim', parseTime, 20)
    .option('--aggressor-service <time>', 'service time of the aggressor', parseTime, 100)
    .option(
      '--tolerance <share>',
      'effect that is put up with, as a share of the response',
      parseFactor,
      INTERFERENCE_TOLERANCE,
    )
    .option('--inflight <count>', 'calls that the aggressor keeps in flight', parseCount, 8)
    .option('--provider <name>', 'provider that the victim calls', 'kimi')
    .option(
      '--aggressor-provider <name>',
      'provider that the aggressor calls; the same one shares its permits, and the fair queue may cost what it promises',
      'glm',
    )
    .option('--max-stall <time>', 'stall of the load tester itself that voids the test', parseTime, LONGEST_STALL_MS)
    .option('--seed <number>', 'seed of the order of the blocks', parseCount, 42)
    .action(async (flags: InterfereFlags) => {
      using interrupts = listenForInterrupts(io);
      const result = await runInterference(flags, io, {
        pairs: flags.pairs,
        blockMs: flags.block,
        seed: flags.seed,
        tolerance: flags.tolerance,
        maxStallMs: flags.maxStall,
        signal: interrupts.signal,
        victim: { tool: 'chat', provider: flags.provider, serviceMs: flags.victimService, perSecond: 25 },
        aggressor: {
          tool: 'chat',
          provider: flags.aggressorProvider,
          serviceMs: flags.aggressorService,
          inFlight: flags.inflight,
        },
      });
      reportInterference(result, io);
      if (result.verdict === 'interference') setExit(EXIT.interference);
      if (result.verdict === 'void') setExit(EXIT.void);
      if (result.verdict === 'undecided') setExit(interrupts.signal.aborted ? EXIT.interrupted : EXIT.undecided);
    });
}

function reportInterference(result: InterferenceResult, io: CliIo): void {
  io.out(result.verdict.replace('_', ' ').toUpperCase());
  io.out(describeSharing(result));
  io.out(
    `effect ${formatMs(Math.abs(result.effectMs))}${result.effectMs < 0 ? ' faster' : ''} (${(result.effect * 100).toFixed(1)} %), exact p = ${result.p.toPrecision(2)}, detectable ${formatMs(result.detectableMs)}`,
  );
  io.out(
    `${result.victimCalls} victim calls (${result.failures} failed), ${result.aggressorCalls} aggressor calls, ${result.pairs.length} pairs`,
  );
  for (const { id, status, value, unit, limit, why } of result.selfChecks)
    if (status !== 'ok') io.out(`${status} ${id}: ${value} ${unit} (limit ${limit}): ${why}`);
}

interface AuditFlags extends TargetFlags {
  cycles: number;
  sessions: number;
}

function addAudit(program: Command, io: CliIo, setExit: (code: number) => void): void {
  const command = program
    .command('audit')
    .description(
      'cut connections under running calls, again and again, and check that every permit comes back; exit 6 if not',
    );
  addTargetFlags(command)
    .option('--cycles <count>', 'how often', parseCount, 5)
    .option('--sessions <count>', 'connections that are cut each time', parseCount, 5)
    .action(async (flags: AuditFlags) => {
      const permits = await watchPermits(flags, 100);
      if (!permits)
        throw new LoadTestError('UNREACHABLE', 'the audit needs the metrics page of the target; see --metrics-url');
      const audit = await auditDisconnects({
        createDriver: () => createDriver(flags, io),
        permits,
        cycles: flags.cycles,
        sessions: flags.sessions,
      });
      io.out(
        `${audit.scrapes} readings over ${flags.cycles} cycles: ${audit.violations.length} violations, ${audit.leaks} permits missing`,
      );
      for (const { rule, detail } of audit.violations.slice(0, 5)) io.out(`  - ${rule}: ${detail}`);
      if (audit.violations.length > 0 || audit.leaks > 0) setExit(EXIT.permits);
    });
}

function addCalibrate(program: Command, io: CliIo): void {
  const command = program
    .command('calibrate')
    .description('measure what this machine can send, and count the permits of a target from outside');
  addTargetFlags(command)
    .option('--no-target', 'measure this machine only')
    .option('--provider <name>', 'provider whose calls are counted')
    .action(async (flags: TargetFlags & { target: boolean; provider?: string }) => {
      const { callsPerSecond, sendLagP99Ms, longestStallMs } = await calibrateClient();
      io.out(
        `this machine   ${Math.round(callsPerSecond)} calls/s with both ends in one process; at 100/s a send lag of ${formatMs(sendLagP99Ms)} (p99), longest stall ${formatMs(longestStallMs)}`,
      );
      if (!flags.target) return;
      const { permits, perSecond, unhurriedMs } = await countPermits({
        createDriver: () => createDriver(flags, io),
        ...(flags.provider !== undefined && { provider: flags.provider }),
      });
      io.out(
        `target         ${permits.toFixed(2)} permits seen from outside: ${perSecond.toFixed(1)} calls/s at ${formatMs(unhurriedMs)} each`,
      );
    });
}

interface SearchFlags extends RunFlags {
  param: 'sessions' | 'rate';
  from: number;
  upTo: number;
  slo: string;
}

function addSearch(program: Command, io: CliIo, setExit: (code: number) => void): void {
  const command = program
    .command('search')
    .description('find the highest load that keeps an objective: doubling, halving, and confirmed twice')
    .argument('[scenario]', 'name of a built-in scenario, or a .json file', 'baseline');
  addRunFlags(command)
    .requiredOption('--slo <expression>', 'objective, such as "response.p95 < 2s"')
    .addOption(new Option('--param <what>', 'what is raised').choices(['sessions', 'rate']).default('sessions'))
    .option('--from <level>', 'first level', parseCount, 1)
    .option('--up-to <level>', 'last level', parseCount, 64)
    .action(async (name: string, flags: SearchFlags) => {
      using interrupts = listenForInterrupts(io);
      const base = name === 'baseline' ? builtInScenario(name) : loadScenario(name, io.cwd);
      const result = await searchCapacity({
        from: flags.from,
        upTo: flags.upTo,
        signal: interrupts.signal,
        probe: (level) =>
          runOnce(atLevel(base, flags, level), { ...flags, live: 'off', threshold: [] }, io, interrupts),
        onPoint: (point) => io.err(renderPoint(point, flags.param)),
      });
      io.out(
        result.highest === undefined
          ? `no ${flags.param} level keeps ${flags.slo}`
          : `${flags.slo} holds up to ${result.highest} ${flags.param}`,
      );
      const { capacity } = result;
      if (capacity)
        io.out(
          `permits seen from outside ${capacity.permits.toFixed(2)}; ${capacity.model === 'bounds' ? 'a hard limit' : 'a bending curve'} fits better (r² ${capacity.bounds.rSquared.toFixed(3)} and ${capacity.usl.rSquared.toFixed(3)})`,
        );
      if (result.highest === undefined) setExit(EXIT.threshold);
    });
}

function atLevel(base: Scenario, { slo, param, timeScale }: SearchFlags, level: number): Scenario {
  // A rate is given as the target sees it; scaling the scenario divides by the time scale.
  const load: Load =
    param === 'rate' ? { kind: 'open', sessions: 20, rate: level * timeScale } : { kind: 'closed', sessions: level };
  return { ...base, load, thresholds: [slo, 'lost == 0'] };
}

function renderPoint({ level, holds, perSecond, responseP50Ms, why }: SearchPoint, param: string): string {
  return `${String(level).padStart(5)} ${param}: ${holds ? 'holds' : 'fails'}, ${perSecond}/s, p50 ${formatMs(responseP50Ms ?? 0)}${why[0] === undefined ? '' : ` (${why[0]})`}`;
}
