import { estimatePermits } from './capacity.ts';
import type { Clock } from './clock.ts';
import type { Driver } from './driver.ts';
import { runScenario } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { medianOf } from './statistics.ts';

/** How permits are counted from outside. */
export interface PermitCountOptions {
  /** A fresh driver for each of the two runs. */
  createDriver: () => Driver;
  clock?: Clock;
  tool?: string;
  provider?: string;
  /** Constant service time of every call, in milliseconds; long against the way there and back. @defaultValue 60 */
  serviceMs?: number;
  /** Sessions that saturate the target. @defaultValue 15 */
  sessions?: number;
  /** Length of the saturated run, in milliseconds; the calibration takes a third of it. @defaultValue 1_500 */
  durationMs?: number;
}

/** What was counted. */
export interface PermitCount {
  permits: number;
  /** Good ends per second at saturation. */
  perSecond: number;
  /** Median service time of one session that had the target for itself, in milliseconds. */
  unhurriedMs: number;
}

/** Counts a target's permits without its metrics: one session alone gives S, many give X, and X · S are the permits. */
export async function countPermits(options: PermitCountOptions): Promise<PermitCount> {
  const { sessions = 15, durationMs = 1500 } = options;
  const alone = await goodEnds(scenarioOf(options, 1, durationMs / 3), options);
  const unhurriedMs = medianOf(alone.map(({ serviceMs }) => serviceMs)) ?? 0;
  const full = await goodEnds(scenarioOf(options, sessions, durationMs), options);
  const perSecond = rateBetweenEnds(full);
  return { permits: estimatePermits(perSecond, unhurriedMs), perSecond, unhurriedMs };
}

interface GoodEnd {
  at: number;
  serviceMs: number;
  warmup: boolean;
}

async function goodEnds(scenario: Scenario, { createDriver, clock }: PermitCountOptions): Promise<GoodEnd[]> {
  const ends: GoodEnd[] = [];
  await runScenario(scenario, {
    driver: createDriver(),
    ...(clock && { clock }),
    onCall: ({ outcome, due, lagMs, serviceMs }) => {
      const at = due + lagMs + serviceMs;
      const { warmupMs = 0, durationMs } = scenario;
      if (outcome === 'ok' && at <= warmupMs + durationMs) ends.push({ at, serviceMs, warmup: at <= warmupMs });
    },
  });
  return ends;
}

/**
 * Ends per second between two ends. Permits that were taken together come back together: counted over a fixed window, a
 * whole group more or less falls into it; counted from the last end before the window to the last one in it, none does.
 */
function rateBetweenEnds(ends: readonly GoodEnd[]): number {
  const before = ends.filter(({ warmup }) => warmup).map(({ at }) => at);
  const inside = ends.filter(({ warmup }) => !warmup).map(({ at }) => at);
  const spanMs = Math.max(...inside) - Math.max(...before);
  return Number.isFinite(spanMs) && spanMs > 0 ? (inside.length * 1000) / spanMs : 0;
}

/** A warm-up without a pause, so that the measured time starts saturated and ends saturated. */
function scenarioOf(
  { tool = 'chat', provider, serviceMs = 60 }: PermitCountOptions,
  sessions: number,
  durationMs: number,
): Scenario {
  return {
    name: 'permit-count',
    durationMs,
    warmupMs: serviceMs * 2.5,
    load: { kind: 'closed', sessions, inflightPerSession: 1 },
    mix: [
      {
        tool,
        weight: 100,
        service: { dist: 'constant', ms: serviceMs },
        deadlineMs: 60_000,
        ...(provider !== undefined && { providers: { [provider]: 100 } }),
      },
    ],
  };
}
