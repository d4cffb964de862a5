import { loadavg } from 'node:os';

import { CallRecords } from './call-records.ts';
import { CallSource } from './call-source.ts';
import { systemClock, type Cancel } from './clock.ts';
import { collectResult } from './collect-result.ts';
import { startLoad } from './load-generator.ts';
import { LoadTestError } from './load-test-error.ts';
import { LoadRun } from './load-run.ts';
import { LoopWatch } from './loop-watch.ts';
import type { PermitWatch } from './permit-watch.ts';
import type { RunOptions, RunProgress } from './run-options.ts';
import { createRandom } from './random.ts';
import type { FaultInjector, InjectedFault } from './recovery.ts';
import type { RunResult } from './run-result.ts';
import { drainOf, MAX_CALLS, sessionsOf, type Scenario } from './scenario.ts';
import { SpendMeter } from './spend.ts';

const DEFAULT_SEED = 42;
const PROGRESS_EVERY_MS = 250;
/** Step between readings of the permits after the drain, in milliseconds. */
const SETTLE_STEP_MS = 100;

/**
 * Runs a scenario and returns everything known about it. What goes wrong during the run is in the result; only misuse throws.
 *
 * @throws LoadTestError FAULTS_UNAVAILABLE when the scenario injects faults and `faults` is missing.
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const { driver, clock = systemClock, seed = DEFAULT_SEED, permits } = options;
  if ((scenario.faults ?? []).length > 0 && !options.faults) {
    throw new LoadTestError(
      'FAULTS_UNAVAILABLE',
      `scenario ${scenario.name} injects faults, and the target offers no way to`,
    );
  }
  const startedAt = new Date(clock.wallNow()).toISOString();
  const loadAverage = clock.virtual ? 0 : (loadavg()[0] ?? 0);
  const prepared = prepare(scenario, options);
  const { run, records, meter, injected, failedFaults, tell } = prepared;
  tell('connecting');
  const opening = Array.from({ length: sessionsOf(scenario.load) }, () => run.addSession());
  await Promise.allSettled(opening);
  const isReachable = run.links.length === 0 || run.links.some((link) => link.connection !== undefined);
  run.begin();
  const watch = new LoopWatch(clock);
  const loadMs = isReachable ? await putLoad(scenario, options, prepared, watch) : 0;
  const drainedMs = run.now() - loadMs;
  await run.close();
  if (permits && isReachable) {
    tell('settling');
    await settle(permits, injected);
  }
  await driver.close?.();
  tell('done');
  return collectResult({
    scenario,
    options,
    run,
    records,
    startedAt,
    loadAverage,
    loadMs,
    drainedMs,
    longestStallMs: watch.longestStallMs,
    injected,
    failedFaults,
    seed,
    ...(meter && { spend: meter.spend }),
  });
}

/** A run before its first connection. */
interface Prepared {
  run: LoadRun;
  records: CallRecords;
  source: CallSource;
  meter: SpendMeter | undefined;
  injected: InjectedFault[];
  failedFaults: string[];
  warmupMs: number;
  totalMs: number;
  tell: (phase: RunProgress['phase']) => void;
}

function prepare(scenario: Scenario, options: RunOptions): Prepared {
  const { driver, clock = systemClock, seed = DEFAULT_SEED } = options;
  const records = new CallRecords();
  const source = new CallSource(scenario, seed);
  const meter = options.spend && new SpendMeter(options.spend);
  const warmupMs = scenario.warmupMs ?? 0;
  const totalMs = warmupMs + scenario.durationMs;
  const run = new LoadRun({
    driver,
    clock,
    records,
    source,
    random: createRandom(seed, 'client'),
    client: scenario.client ?? {},
    warmupMs,
    maxCalls: scenario.maxCalls ?? MAX_CALLS,
    ...(meter && { spend: meter }),
    ...(options.onCall && { onRecord: options.onCall }),
  });
  const tell = teller(run, totalMs, options.onProgress);
  return { run, records, source, meter, injected: [], failedFaults: [], warmupMs, totalMs, tell };
}

/** Puts the load on the target and waits for what is in flight at its end; returns when the load stopped. */
async function putLoad(
  scenario: Scenario,
  { permits, faults, signal, abandonSignal, seed = DEFAULT_SEED }: RunOptions,
  { run, source, injected, failedFaults, warmupMs, totalMs, tell }: Prepared,
  watch: LoopWatch,
): Promise<number> {
  for (const link of run.links) link.retry();
  watch.start();
  permits?.start(() => run.now());
  const timers = planFaults(scenario, { run, injected, failedFaults, faults });
  startLoad(scenario.load, { run, source, random: createRandom(seed, 'arrivals'), totalMs });
  await untilOver(run, totalMs, signal, () => tell(run.now() < warmupMs ? 'warm-up' : 'measuring'));
  for (const cancel of timers) cancel();
  // What lasts ends with the load, so that the drain and the audit see the target as it is.
  if (injected.some(({ fault }) => LASTING.has(fault.kind))) await faults?.clear?.().catch(() => undefined);
  const loadMs = run.now();
  tell('draining');
  await run.drain(drainOf(scenario), abandonSignal);
  watch.stop();
  return loadMs;
}

/** Leaks that are won back together are one recovery: what counts is that one followed the last leak. */
async function settle(permits: PermitWatch, injected: readonly InjectedFault[]): Promise<void> {
  const leak = injected.findLast(({ fault }) => fault.kind === 'leak');
  const before = permits.counters.findLast(({ atMs }) => leak !== undefined && atMs <= leak.atMs)?.recoveries ?? 0;
  await permits.settle(SETTLE_STEP_MS, () => !leak || (permits.counters.at(-1)?.recoveries ?? 0) > before);
}

function teller(
  run: LoadRun,
  totalMs: number,
  onProgress: RunOptions['onProgress'],
): (phase: RunProgress['phase']) => void {
  return (phase) =>
    onProgress?.({
      phase,
      elapsedMs: run.now(),
      totalMs,
      sessions: run.links.filter((link) => link.connection !== undefined).length,
      inFlight: run.inFlight,
      launched: run.launched,
      ok: run.outcomes.ok,
      notOk: run.launched - run.inFlight - run.outcomes.ok,
    });
}

const LASTING: ReadonlySet<string> = new Set(['hang', 'error', 'slow']);

interface FaultPlan {
  run: LoadRun;
  injected: InjectedFault[];
  failedFaults: string[];
  faults: FaultInjector | undefined;
}

function planFaults(scenario: Scenario, { run, injected, failedFaults, faults }: FaultPlan): Cancel[] {
  if (!faults) return [];
  const timeOf = (share: number): number => (scenario.warmupMs ?? 0) + share * scenario.durationMs;
  const note = (what: string) => (error: unknown) => {
    failedFaults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
  return (scenario.faults ?? []).flatMap((fault) => {
    const begin = run.at(timeOf(fault.at), () => {
      const one = { fault, atMs: run.now() };
      injected.push(one);
      faults.inject(fault).catch((error: unknown) => {
        injected.splice(injected.indexOf(one), 1);
        note(fault.kind)(error);
      });
    });
    if (fault.until === undefined) return [begin];
    const end = run.at(timeOf(fault.until), () => {
      faults.clear?.().catch(note('clear'));
    });
    return [begin, end];
  });
}

/** Until the time is over, the calls are used up, or the run is interrupted. */
function untilOver(run: LoadRun, totalMs: number, signal: AbortSignal | undefined, tick: () => void): Promise<void> {
  return new Promise((resolve) => {
    let ticker: Cancel | undefined;
    const end = run.at(totalMs, () => run.timeUp());
    const stop = (): void => run.stop();
    const again = (): void => {
      tick();
      ticker = run.at(run.now() + PROGRESS_EVERY_MS, again);
    };
    again();
    signal?.addEventListener('abort', stop, { once: true });
    run.whenStopped(() => {
      end();
      ticker?.();
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    if (signal?.aborted) run.stop();
  });
}
