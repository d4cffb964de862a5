import type { CallRecord } from './call-records.ts';
import type { Clock } from './clock.ts';
import type { Driver } from './driver.ts';
import type { InterferenceResult } from './interference.ts';
import type { PermitWatch } from './permit-watch.ts';
import type { FaultInjector } from './recovery.ts';
import type { SpendLimit } from './spend.ts';
import type { ExtraMetrics } from './threshold.ts';

/** What a live view is told while a run goes on. */
export interface RunProgress {
  phase: 'connecting' | 'warm-up' | 'measuring' | 'draining' | 'settling' | 'done';
  elapsedMs: number;
  /** Warm-up and measured time together. */
  totalMs: number;
  sessions: number;
  inFlight: number;
  launched: number;
  ok: number;
  notOk: number;
}

/** How a scenario is run. */
export interface RunOptions {
  driver: Driver;
  /** @defaultValue the machine's clock */
  clock?: Clock;
  /** @defaultValue 42 */
  seed?: number;
  /** Ends the load, drains and reports; the result says `interrupted`. */
  signal?: AbortSignal;
  /** Ends the drain as well. */
  abandonSignal?: AbortSignal;
  /** Told a few times a second. */
  onProgress?: (progress: RunProgress) => void;
  /** Told of every call as it ends. The record may be kept. */
  onCall?: (record: CallRecord) => void;
  /** Reads the target's permits while the run goes on. */
  permits?: PermitWatch;
  /** Carries out the scenario's faults. */
  faults?: FaultInjector;
  /** Ends the load when it has cost so much. */
  spend?: SpendLimit;
  /** Noted in the report: the factor that the scenario was scaled with. @defaultValue 1 */
  timeScale?: number;
  /** Noted in the report. */
  command?: string;
  /** Undecided thresholds do not fail the run. @defaultValue false */
  allowUndecided?: boolean;
  /** Stall of the load tester that voids the run, in milliseconds. @defaultValue 180 */
  maxStallMs?: number;
  /** Result of an interference test against the same target, to be judged and reported with the run. */
  interference?: InterferenceResult;
  /** Numbers for thresholds that a plain run cannot measure. */
  extra?: ExtraMetrics;
}
