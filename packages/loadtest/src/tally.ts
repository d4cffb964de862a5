import type { CallRecord } from './call-records.ts';
import { isLost, isTimeout, noOutcomes } from './outcome.ts';
import type { GroupSummary } from './run-result.ts';

/** Counts of one group, and the ages of its calls that were cut off. */
export class Tally {
  readonly outcomes = noOutcomes();
  readonly codes = new Map<string, number>();
  calls = 0;
  lost = 0;
  timeouts = 0;
  unexpected = 0;
  readonly cutService: number[] = [];
  readonly cutResponse: number[] = [];

  /** Counts calls that ended well and were meant to, of which nothing more is to be said. */
  addPlain(calls: number): void {
    this.calls += calls;
    this.outcomes.ok += calls;
  }

  add(record: CallRecord): void {
    const { outcome } = record;
    this.calls += 1;
    this.outcomes[outcome] += 1;
    if (!isExpected(record)) this.unexpected += 1;
    if (outcome === 'ok') return;
    if (isLost(outcome)) this.lost += 1;
    const isOverTime = isTimedOut(record);
    if (isOverTime) this.timeouts += 1;
    const code = record.code === '' ? outcome : `${outcome}(${record.code})`;
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    if ((!isOverTime && outcome !== 'censored') || Number.isNaN(record.serviceMs)) return;
    this.cutService.push(record.serviceMs);
    this.cutResponse.push(record.lagMs + record.serviceMs);
  }

  build(name: string, latency: GroupSummary['latency']): GroupSummary {
    const { calls, outcomes, lost, timeouts, unexpected } = this;
    const codes = Object.fromEntries([...this.codes].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { name, calls, outcomes, codes, lost, timeouts, unexpected, latency };
  }
}

/** True for a time-out on either side, and for a workflow that stopped at its deadline. */
export function isTimedOut({ outcome, code }: Pick<CallRecord, 'outcome' | 'code'>): boolean {
  return isTimeout(outcome) || (outcome === 'stopped' && code === 'deadline');
}

/** True when a call ended as the scenario allows: well, refused with a typed code, given up on purpose, or timed out by force. */
export function isExpected(record: Pick<CallRecord, 'outcome' | 'code' | 'forced'>): boolean {
  const { outcome, forced } = record;
  if (outcome === 'rejected' || outcome === 'cancelled') return true;
  return forced ? outcome === 'timeout_server' || isStoppedAtDeadline(record) : outcome === 'ok';
}

function isStoppedAtDeadline({ outcome, code }: Pick<CallRecord, 'outcome' | 'code'>): boolean {
  return outcome === 'stopped' && code === 'deadline';
}
