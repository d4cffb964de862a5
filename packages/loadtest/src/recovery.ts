import type { CallRecord, CallRecordSet } from './call-records.ts';
import { round } from './group-summary.ts';
import type { RecoveryEvent, RunResult } from './run-result.ts';
import type { Fault } from './scenario.ts';
import { meanOfValues } from './statistics.ts';
import { isExpected } from './tally.ts';

/** Breaks the target on purpose. */
export interface FaultInjector {
  /** @throws when the target refuses; the run then counts the fault as not injected. */
  inject(fault: Fault): Promise<void>;
  /** Ends the faults that last. */
  clear?(): Promise<void>;
}

/** A fault that was injected, in the run's own time. */
export interface InjectedFault {
  fault: Fault;
  atMs: number;
}

/** What a timeline of recovery is made from. */
export interface RecoveryInput {
  injected: readonly InjectedFault[];
  records: CallRecordSet;
  timeline: RunResult['timeline'];
  /** The target's own counters over time; absent without `/metrics`. */
  counters: readonly { atMs: number; leaks: number; recoveries: number }[];
}

/** Windows in a row at the old level before throughput counts as back. */
const WINDOWS_BACK = 3;
const LEVEL_SHARE = 0.95;

/** Tells each fault's story: injected, detected, repaired, throughput back. */
export function recoveryOf({ injected, records, timeline, counters }: RecoveryInput): RecoveryEvent[] {
  return injected.map(({ fault, atMs }, index) => {
    const endMs = injected[index + 1]?.atMs ?? Number.POSITIVE_INFINITY;
    const before = counters.findLast((reading) => reading.atMs <= atMs) ?? { atMs, leaks: 0, recoveries: 0 };
    const after = counters.filter((reading) => reading.atMs > atMs);
    const detected = after.find(({ leaks }) => leaks > before.leaks)?.atMs;
    const repaired = after.find(({ recoveries }) => recoveries > before.recoveries)?.atMs;
    const back = throughputBack(timeline, atMs);
    return {
      kind: fault.kind,
      provider: fault.provider ?? 'any',
      count: fault.count ?? 1,
      injectedAtMs: round(atMs),
      ...(detected !== undefined && { detectedAfterMs: round(detected - atMs) }),
      ...(repaired !== undefined && { repairedAfterMs: round(repaired - atMs) }),
      ...(back !== undefined && { throughputBackAfterMs: round(back - atMs) }),
      failuresDuring: failuresIn(records, atMs, Math.min(endMs, repaired ?? endMs)),
    };
  });
}

function failuresIn(records: CallRecordSet, fromMs: number, toMs: number): number {
  let failures = 0;
  for (let row = 0; row < records.length; row += 1) if (isFailureIn(records.at(row), fromMs, toMs)) failures += 1;
  return failures;
}

function isFailureIn(record: CallRecord, fromMs: number, toMs: number): boolean {
  const end = record.due + record.lagMs + record.serviceMs;
  return !isExpected(record) && end >= fromMs && end <= toMs;
}

/** Start of the first three windows in a row at 95 % of the level before the fault. */
function throughputBack({ windows, windowMs }: RunResult['timeline'], atMs: number): number | undefined {
  const before = windows.filter((window) => window.atMs + windowMs <= atMs).map(({ ok }) => ok);
  const level = meanOfValues(before) * LEVEL_SHARE;
  const after = windows.filter((window) => window.atMs >= atMs);
  // Single windows of few calls are noise: each group of three is judged by its mean.
  const start = after.findIndex((_, index) => {
    const group = after.slice(index, index + WINDOWS_BACK);
    return group.length === WINDOWS_BACK && meanOfValues(group.map(({ ok }) => ok)) >= level;
  });
  return start < 0 || before.length === 0 ? undefined : after[start]?.atMs;
}
