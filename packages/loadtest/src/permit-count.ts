import { estimatePermits } from './capacity.ts';
import type { Clock } from './clock.ts';
import type { Driver } from './driver.ts';
import { runScenario } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

/** How permits are counted from outside. */
export interface PermitCountOptions {
  /** A fresh driver for each of the two runs. */
  createDriver: () => Driver;
  clock?: Clock;
  tool?: string;
  provider?: string;
  /** Constant service time of every call, in milliseconds. @defaultValue 20 */
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
  /** Service time of one session that had the target for itself, in milliseconds. */
  unhurriedMs: number;
}

/** Counts a target's permits without its metrics: one session alone gives S, many give X, and X · S are the permits. */
export async function countPermits(options: PermitCountOptions): Promise<PermitCount> {
  const { sessions = 15, durationMs = 1500 } = options;
  const alone = await runScenario(scenarioOf(options, 1, durationMs / 3), runOptions(options));
  const unhurriedMs = alone.totals.latency.service?.mean ?? 0;
  const full = await runScenario(scenarioOf(options, sessions, durationMs), runOptions(options));
  const perSecond = full.load.okPerSecond;
  return { permits: estimatePermits(perSecond, unhurriedMs), perSecond, unhurriedMs };
}

function runOptions({ createDriver, clock }: PermitCountOptions): { driver: Driver; clock?: Clock } {
  return { driver: createDriver(), ...(clock && { clock }) };
}

/** A warm-up without a pause, so that the measured time starts saturated and ends saturated. */
function scenarioOf(
  { tool = 'chat', provider, serviceMs = 20 }: PermitCountOptions,
  sessions: number,
  durationMs: number,
): Scenario {
  return {
    name: 'permit-count',
    durationMs,
    warmupMs: serviceMs * 5,
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
