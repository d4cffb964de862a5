import type { CallRecord, CallRecordSet, RecordedTime } from './call-records.ts';
import { isLost, isTimeout, noOutcomes } from './outcome.ts';
import type { GroupSummary, LatencySummary } from './run-result.ts';
import { kaplanMeier, nearestRank, percentileOf, sampleFloor, survivalPercentile } from './statistics.ts';

/** Percentiles of every report, as shares. */
export const PERCENTILES = [0.5, 0.9, 0.95, 0.99] as const;

const Z95 = 1.96;

/** Sums up times of calls that ended well, and the ages of those that were cut off; `undefined` without either. */
export function summariseLatency(
  ended: readonly number[],
  censored: readonly number[] = [],
): LatencySummary | undefined {
  return summariseSorted(Float64Array.from(ended).sort(), censored);
}

function summariseSorted(sorted: Float64Array, censored: readonly number[]): LatencySummary | undefined {
  const n = sorted.length;
  if (n === 0) return undefined;
  const steps = censored.length > 0 ? kaplanMeier(sorted, censored) : [];
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
    mean: round(sorted.reduce((sum, value) => sum + value, 0) / n),
    max: round(sorted[n - 1] ?? 0),
    percentiles,
  };
}

/** Microseconds are noise: reports keep three decimals of a millisecond. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** A time of a call that ended well, and the recorded time without which no call has it. */
const TIMES: readonly {
  kind: keyof GroupSummary['latency'];
  needs: RecordedTime;
  of: (record: CallRecord) => number;
}[] = [
  { kind: 'service', needs: 'serviceMs', of: ({ serviceMs }) => serviceMs },
  { kind: 'response', needs: 'serviceMs', of: (record) => record.lagMs + record.serviceMs },
  { kind: 'firstEvent', needs: 'firstEventMs', of: ({ firstEventMs }) => firstEventMs },
  { kind: 'firstToken', needs: 'firstTokenMs', of: ({ firstTokenMs }) => firstTokenMs },
  { kind: 'maxGap', needs: 'maxGapMs', of: ({ maxGapMs }) => maxGapMs },
  { kind: 'perToken', needs: 'firstTokenMs', of: perTokenMs },
  { kind: 'queued', needs: 'queuedMs', of: ({ queuedMs }) => queuedMs },
  { kind: 'overhead', needs: 'askedMs', of: (record) => record.serviceMs - record.askedMs },
];

function perTokenMs({ tokens, serviceMs, firstTokenMs }: CallRecord): number {
  return tokens > 1 ? (serviceMs - firstTokenMs) / (tokens - 1) : Number.NaN;
}

/** Counts of one group, and the ages of its calls that were cut off. */
class Tally {
  readonly outcomes = noOutcomes();
  readonly codes = new Map<string, number>();
  calls = 0;
  lost = 0;
  timeouts = 0;
  unexpected = 0;
  readonly cutService: number[] = [];
  readonly cutResponse: number[] = [];

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

/** A way to sort calls into groups. */
export interface Grouping {
  /** Groups that come first, and are there without any call; others follow as they are met. */
  names?: readonly string[];
  /** Group of a call; `undefined` for none. */
  nameOf: (record: CallRecord) => string | undefined;
}

class Groups {
  readonly names: string[];
  readonly tallies: Tally[];
  readonly latencies: GroupSummary['latency'][] = [];
  /** Group of each call that ended well, from 1; 0 for the others. */
  readonly places: Uint16Array;
  /** Where the stretch of each group begins in an array of all calls that ended well. */
  readonly starts: number[] = [];
  readonly #index: Map<string, number>;
  readonly #nameOf: Grouping['nameOf'];

  constructor({ names = [], nameOf }: Grouping, length: number) {
    this.names = [...names];
    this.tallies = names.map(() => new Tally());
    this.places = new Uint16Array(length);
    this.#index = new Map(names.map((name, index) => [name, index]));
    this.#nameOf = nameOf;
  }

  add(record: CallRecord, row: number): void {
    const name = this.#nameOf(record);
    if (name === undefined) return;
    const place = this.#index.get(name) ?? this.#begin(name);
    this.tallies[place]?.add(record);
    if (record.outcome === 'ok') this.places[row] = place + 1;
  }

  /** Every call has been added. */
  close(): void {
    let start = 0;
    for (const { outcomes } of this.tallies) {
      this.starts.push(start);
      this.latencies.push({});
      start += outcomes.ok;
    }
  }

  /** Sums up one kind of time, given for each call and `NaN` where it has none; `scratch` has room for all. */
  summarise(kind: keyof GroupSummary['latency'], times: Float64Array, scratch: Float64Array): void {
    const { places, tallies, starts, latencies } = this;
    const ends = Uint32Array.from(starts);
    for (let row = 0; row < times.length; row += 1) {
      const place = (places[row] ?? 0) - 1;
      const time = times[row] ?? Number.NaN;
      if (place < 0 || Number.isNaN(time)) continue;
      const end = ends[place] ?? 0;
      scratch[end] = time;
      ends[place] = end + 1;
    }
    for (const [place, { cutService, cutResponse }] of tallies.entries()) {
      const cut = kind === 'service' ? cutService : kind === 'response' ? cutResponse : [];
      const summary = summariseSorted(scratch.subarray(starts[place], ends[place]).sort(), cut);
      const latency = latencies[place];
      if (summary && latency) latency[kind] = summary;
    }
  }

  build(): GroupSummary[] {
    return this.tallies.map((tally, place) => tally.build(this.names[place] ?? '', this.latencies[place] ?? {}));
  }

  #begin(name: string): number {
    const place = this.tallies.push(new Tally()) - 1;
    this.names.push(name);
    this.#index.set(name, place);
    return place;
  }
}

/** Sums up calls in several ways at once, in memory of 24 bytes a call and little more: a run may have a million. */
export function summariseGroups(records: CallRecordSet, groupings: readonly Grouping[]): GroupSummary[][] {
  const { length } = records;
  const all = groupings.map((grouping) => new Groups(grouping, length));
  for (let row = 0; row < length; row += 1) {
    const record = records.at(row);
    for (const groups of all) groups.add(record, row);
  }
  for (const groups of all) groups.close();
  const times = new Float64Array(length);
  const scratch = new Float64Array(length);
  for (const { kind, needs, of } of TIMES) {
    if (!records.knows(needs)) continue;
    for (let row = 0; row < length; row += 1) times[row] = of(records.at(row));
    for (const groups of all) groups.summarise(kind, times, scratch);
  }
  return all.map((groups) => groups.build());
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
