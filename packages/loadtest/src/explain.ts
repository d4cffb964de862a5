import { meanOf } from './distribution.ts';
import { PERCENTILES } from './group-summary.ts';
import { runScenario } from './run-scenario.ts';
import type { RunResult } from './run-result.ts';
import { stageArea } from './arrival-times.ts';
import type { Limits, Scenario } from './scenario.ts';
import { sampleFloor } from './statistics.ts';
import { VirtualClock } from './virtual-clock.ts';
import { virtual } from './virtual-driver.ts';

/** One thing that bounds throughput. */
export interface Bound {
  /** `global`, `provider kimi`, `session` or `load`. */
  name: string;
  /** Calls per second that it allows. */
  perSecond: number;
}

/** What a scenario can be expected to show, before anything is sent. */
export interface Explanation {
  meanServiceMs: number;
  bounds: Bound[];
  /** The bounds that are reached first: several when they are equal, as the default limits are. */
  binding: string[];
  /** Calls that will end, by the bounds. */
  expectedCalls: number;
  /** The same from a simulation of the scenario against its declared limits; absent without limits. */
  simulated?: { calls: number; responseP50Ms?: number; responseP95Ms?: number; meanInFlight: number };
  /** For all calls and for each tool: which percentiles that many calls support. */
  supported: { name: string; calls: number; percentiles: { p: number; floor: number; isSupported: boolean }[] }[];
}

/** Bounds this close to the lowest bind together with it. */
const TIE = 1.001;

/** Tells which limit will bind, how many calls to expect, and which percentiles they will support. */
export async function explain(scenario: Scenario): Promise<Explanation> {
  const shares = providerShares(scenario);
  const meanServiceMs = scenario.mix.reduce(
    (sum, { weight, service }) => sum + (weight / 100) * (service ? meanOf(service) : 0),
    0,
  );
  const bounds = [loadBound(scenario, meanServiceMs), ...limitBounds(scenario, shares, meanServiceMs)];
  const lowest = Math.min(...bounds.map(({ perSecond }) => perSecond));
  const seconds = scenario.durationMs / 1000;
  const simulatedRun = scenario.limits && meanServiceMs > 0 ? await simulate(scenario, scenario.limits) : undefined;
  const expectedCalls = simulatedRun?.totals.calls ?? Math.floor(lowest * seconds);
  return {
    meanServiceMs,
    bounds,
    binding: bounds.filter(({ perSecond }) => perSecond <= lowest * TIE).map(({ name }) => name),
    expectedCalls: Math.floor(lowest * seconds),
    ...(simulatedRun && { simulated: summarise(simulatedRun) }),
    supported: [
      { name: 'all', calls: expectedCalls },
      ...toolWeights(scenario).map(([name, weight]) => ({ name, calls: Math.floor((expectedCalls * weight) / 100) })),
    ].map(({ name, calls }) => ({ name, calls, percentiles: PERCENTILES.map((p) => supportOf(p, calls)) })),
  };
}

function supportOf(p: number, calls: number): { p: number; floor: number; isSupported: boolean } {
  const floor = sampleFloor(p);
  return { p, floor, isSupported: calls >= floor };
}

function toolWeights({ mix }: Scenario): [string, number][] {
  const weights = new Map<string, number>();
  for (const { tool, weight } of mix) weights.set(tool, (weights.get(tool) ?? 0) + weight);
  return [...weights];
}

/** Per provider: its share of the calls, and of the work in milliseconds per average call. */
function providerShares({ mix }: Scenario): Map<string, number> {
  const work = new Map<string, number>();
  for (const { weight, service, providers } of mix) {
    for (const [provider, share] of Object.entries(providers ?? {})) {
      const ms = (weight / 100) * (share / 100) * (service ? meanOf(service) : 0);
      work.set(provider, (work.get(provider) ?? 0) + ms);
    }
  }
  return work;
}

function loadBound({ load, durationMs }: Scenario, meanServiceMs: number): Bound {
  const name = 'load';
  switch (load.kind) {
    case 'closed': {
      const cycleMs = meanServiceMs + (load.think ? meanOf(load.think) : 0);
      return { name, perSecond: (load.sessions * (load.inflightPerSession ?? 1) * 1000) / Math.max(1e-9, cycleMs) };
    }
    case 'open': {
      const area = load.stages ? load.stages.reduce((sum, stage) => sum + stageArea(stage), 0) : undefined;
      return { name, perSecond: area === undefined ? (load.rate ?? 0) : area / (durationMs / 1000) };
    }
    case 'sessions':
      return { name, perSecond: load.rate * load.calls };
    case 'trace':
    default:
      return { name, perSecond: load.calls.length / (durationMs / 1000) };
  }
}

function limitBounds({ limits, load }: Scenario, work: Map<string, number>, meanServiceMs: number): Bound[] {
  if (!limits || meanServiceMs === 0) return [];
  const perPermit = 1000 / meanServiceMs;
  const sessions = load.kind === 'sessions' ? Number.POSITIVE_INFINITY : load.sessions;
  const providers = [...work].flatMap(([provider, ms]) => {
    const permits = limits.providers[provider];
    return permits === undefined || ms === 0
      ? []
      : [{ name: `provider ${provider}`, perSecond: (permits * 1000) / ms }];
  });
  return [
    { name: 'global', perSecond: limits.global * perPermit },
    ...providers,
    { name: 'session', perSecond: sessions * limits.session * perPermit },
  ];
}

async function simulate(scenario: Scenario, limits: Limits): Promise<RunResult> {
  // Sessions that come and go are opened by promises, which a synchronous clock would leave behind.
  const synchronous = scenario.load.kind !== 'sessions' && scenario.client?.callsPerConnection === undefined;
  const clock = new VirtualClock({ synchronous });
  const driver = virtual({ clock, limits });
  const { thresholds: _thresholds, faults: _faults, ...plain } = scenario;
  return clock.run(runScenario(plain, { driver, clock }));
}

function summarise(run: RunResult): NonNullable<Explanation['simulated']> {
  const percentile = (p: number): number | undefined =>
    run.totals.latency.response?.percentiles.find((one) => one.p === p)?.value;
  const [p50, p95] = [percentile(0.5), percentile(0.95)];
  return {
    calls: run.totals.calls,
    ...(p50 !== undefined && { responseP50Ms: p50 }),
    ...(p95 !== undefined && { responseP95Ms: p95 }),
    meanInFlight: run.load.meanInFlight,
  };
}
