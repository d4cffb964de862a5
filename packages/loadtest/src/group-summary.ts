import type { CallRecord } from './call-records.ts';
import { isLost, isTimeout, noOutcomes } from './outcome.ts';
import type { GroupSummary, LatencySummary } from './run-result.ts';
import { kaplanMeier, meanOfValues, nearestRank, percentileOf, sampleFloor, survivalPercentile } from './statistics.ts';

/** Percentiles of every report, as shares. */
export const PERCENTILES = [0.5, 0.9, 0.95, 0.99] as const;

const Z95 = 1.96;

/** Sums up times of calls that ended well, and the ages of those that were cut off; `undefined` without either. */
export function summariseLatency(
  ended: readonly number[],
  censored: readonly number[] = [],
): LatencySummary | undefined {
  if (ended.length === 0) return undefined;
  const sorted = Float64Array.from(ended).sort();
  const steps = censored.length > 0 ? kaplanMeier(ended, censored) : [];
  const n = sorted.length;
  const percentiles = PERCENTILES.map((p) => {
    const value = censored.length > 0 ? survivalPercentile(steps, p) : percentileOf(sorted, p);
    const floor = sampleFloor(p);
    const margin = Z95 * Math.sqrt(n * p * (1 - p));
    const low = sorted[nearestRank(p, n) - 1 - Math.ceil(margin)];
    const high = sorted[nearestRank(p, n) - 1 + Math.ceil(margin)];
    const supported = value !== undefined && n + censored.length >= floor;
    return {
      p,
      ...(value !== undefined && { value: round(value) }),
      ...(low !== undefined && censored.length === 0 && { low: round(low) }),
      ...(high !== undefined && censored.length === 0 && { high: round(high) }),
      floor,
      supported,
    };
  });
  return {
    n,
    censored: censored.length,
    method: censored.length > 0 ? 'kaplan-meier' : 'exact',
    min: round(sorted[0] ?? 0),
    mean: round(meanOfValues(ended)),
    max: round(sorted[n - 1] ?? 0),
    percentiles,
  };
}

/** Microseconds are noise: reports keep three decimals of a millisecond. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Collects the calls of one group and sums them up. */
export class GroupBuilder {
  readonly #name: string;
  readonly #outcomes = noOutcomes();
  readonly #codes: Record<string, number> = {};
  #calls = 0;
  #lost = 0;
  #timeouts = 0;
  #unexpected = 0;
  readonly #service: number[] = [];
  readonly #response: number[] = [];
  readonly #firstEvent: number[] = [];
  readonly #firstToken: number[] = [];
  readonly #maxGap: number[] = [];
  readonly #perToken: number[] = [];
  readonly #queued: number[] = [];
  readonly #overhead: number[] = [];
  readonly #cutService: number[] = [];
  readonly #cutResponse: number[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  add(record: CallRecord): void {
    this.#calls += 1;
    this.#outcomes[record.outcome] += 1;
    if (isLost(record.outcome)) this.#lost += 1;
    if (isTimedOut(record)) this.#timeouts += 1;
    if (!isExpected(record)) this.#unexpected += 1;
    if (record.outcome === 'ok') {
      this.#addTimes(record);
      return;
    }
    const code = record.code === '' ? record.outcome : `${record.outcome}(${record.code})`;
    this.#codes[code] = (this.#codes[code] ?? 0) + 1;
    if (!isTimedOut(record) && record.outcome !== 'censored') return;
    if (Number.isNaN(record.serviceMs)) return;
    this.#cutService.push(record.serviceMs);
    this.#cutResponse.push(record.lagMs + record.serviceMs);
  }

  build(): GroupSummary {
    const kinds = {
      service: summariseLatency(this.#service, this.#cutService),
      response: summariseLatency(this.#response, this.#cutResponse),
      firstEvent: summariseLatency(this.#firstEvent),
      firstToken: summariseLatency(this.#firstToken),
      maxGap: summariseLatency(this.#maxGap),
      perToken: summariseLatency(this.#perToken),
      queued: summariseLatency(this.#queued),
      overhead: summariseLatency(this.#overhead),
    };
    return {
      name: this.#name,
      calls: this.#calls,
      outcomes: this.#outcomes,
      codes: Object.fromEntries(Object.entries(this.#codes).sort(([a], [b]) => (a < b ? -1 : 1))),
      lost: this.#lost,
      timeouts: this.#timeouts,
      unexpected: this.#unexpected,
      latency: {
        ...(kinds.service && { service: kinds.service }),
        ...(kinds.response && { response: kinds.response }),
        ...(kinds.firstEvent && { firstEvent: kinds.firstEvent }),
        ...(kinds.firstToken && { firstToken: kinds.firstToken }),
        ...(kinds.maxGap && { maxGap: kinds.maxGap }),
        ...(kinds.perToken && { perToken: kinds.perToken }),
        ...(kinds.queued && { queued: kinds.queued }),
        ...(kinds.overhead && { overhead: kinds.overhead }),
      },
    };
  }

  #addTimes(record: CallRecord): void {
    this.#service.push(record.serviceMs);
    this.#response.push(record.lagMs + record.serviceMs);
    pushKnown(this.#firstEvent, record.firstEventMs);
    pushKnown(this.#firstToken, record.firstTokenMs);
    pushKnown(this.#maxGap, record.maxGapMs);
    if (record.tokens > 1) pushKnown(this.#perToken, (record.serviceMs - record.firstTokenMs) / (record.tokens - 1));
    pushKnown(this.#queued, record.queuedMs);
    pushKnown(this.#overhead, record.serviceMs - record.askedMs);
  }
}

function pushKnown(values: number[], value: number): void {
  if (!Number.isNaN(value)) values.push(value);
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
