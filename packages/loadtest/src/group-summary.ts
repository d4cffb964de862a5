import { OK, type CallRecord, type CallRecordSet, type RecordedTime } from './call-records.ts';
import type { GroupSummary, LatencySummary } from './run-result.ts';
import { kaplanMeier, nearestRank, percentileOf, sampleFloor, survivalPercentile } from './statistics.ts';
import { Tally } from './tally.ts';

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

type Latency = keyof GroupSummary['latency'];

/** A time of calls that ended well, and the recorded time without which no call has it. */
const TIMES: readonly {
  kind: Latency;
  needs: RecordedTime;
  /** Writes the time of every call, `NaN` where it has none. */
  fill: (times: Float64Array, records: CallRecordSet) => void;
}[] = [
  { kind: 'service', needs: 'serviceMs', fill: (times, records) => times.set(records.column('serviceMs')) },
  { kind: 'response', needs: 'serviceMs', fill: fillResponse },
  { kind: 'firstEvent', needs: 'firstEventMs', fill: (times, records) => times.set(records.column('firstEventMs')) },
  { kind: 'firstToken', needs: 'firstTokenMs', fill: (times, records) => times.set(records.column('firstTokenMs')) },
  { kind: 'maxGap', needs: 'maxGapMs', fill: (times, records) => times.set(records.column('maxGapMs')) },
  { kind: 'perToken', needs: 'firstTokenMs', fill: fillPerToken },
  { kind: 'queued', needs: 'queuedMs', fill: (times, records) => times.set(records.column('queuedMs')) },
  { kind: 'overhead', needs: 'askedMs', fill: fillOverhead },
];

function fillResponse(times: Float64Array, records: CallRecordSet): void {
  times.set(records.column('serviceMs'));
  const lags = records.column('lagMs');
  for (let row = 0; row < times.length; row += 1) times[row] = (lags[row] ?? 0) + (times[row] ?? 0);
}

function fillOverhead(times: Float64Array, records: CallRecordSet): void {
  times.set(records.column('serviceMs'));
  const asked = records.column('askedMs');
  for (let row = 0; row < times.length; row += 1) times[row] = (times[row] ?? 0) - (asked[row] ?? 0);
}

function fillPerToken(times: Float64Array, records: CallRecordSet): void {
  times.set(records.column('serviceMs'));
  const [first, tokens] = [records.column('firstTokenMs'), records.column('tokens')];
  for (let row = 0; row < times.length; row += 1) {
    const count = tokens[row] ?? 0;
    times[row] = count > 1 ? ((times[row] ?? 0) - (first[row] ?? 0)) / (count - 1) : Number.NaN;
  }
}

/** A way to sort calls into groups. */
export interface Grouping {
  /** Groups that come first, and are there without any call; others follow as they are met. */
  names?: readonly string[];
  /** Calls with the same number here are in one group; absent: all calls are. */
  key?: 'entry' | 'session' | 'provider';
  /** Group of a call; `undefined` for none. Asked once for each key. */
  nameOf: (record: CallRecord) => string | undefined;
}

const NO_GROUP = -1;

class Groups {
  readonly #names: string[];
  readonly #tallies: Tally[];
  readonly #latencies: GroupSummary['latency'][];
  /** Group of each call that ended well, from 1; 0 for the others. */
  readonly #places: Uint16Array;
  /** Where the stretch of each group begins in an array of all calls that ended well. */
  readonly #starts: number[] = [];
  /** The group that has every call, if one does. */
  readonly #whole: number;

  constructor(records: CallRecordSet, { names = [], key, nameOf }: Grouping) {
    this.#names = [...names];
    this.#tallies = names.map(() => new Tally());
    this.#places = new Uint16Array(records.length);
    this.#count(records, key === undefined ? new Uint8Array(records.length) : records.column(key), nameOf);
    this.#latencies = this.#tallies.map(() => ({}));
    this.#whole = this.#tallies.findIndex(({ calls }) => calls === records.length);
    let start = 0;
    for (const { outcomes } of this.#tallies) {
      this.#starts.push(start);
      start += outcomes.ok;
    }
  }

  #count(records: CallRecordSet, keys: Uint8Array | Uint16Array, nameOf: Grouping['nameOf']): void {
    const [outcomes, forced] = [records.column('outcome'), records.column('forced')];
    const [places, tallies] = [this.#places, this.#tallies];
    const placeOf: number[] = [];
    const plain: number[] = [];
    for (let row = 0; row < keys.length; row += 1) {
      const key = keys[row] ?? 0;
      const place = (placeOf[key] ??= this.#placeOf(nameOf(records.at(row))));
      if (place === NO_GROUP) continue;
      const isGood = outcomes[row] === OK;
      if (isGood) places[row] = place + 1;
      if (isGood && forced[row] === 0) plain[place] = (plain[place] ?? 0) + 1;
      else tallies[place]?.add(records.at(row));
    }
    for (const [place, tally] of tallies.entries()) tally.addPlain(plain[place] ?? 0);
  }

  /**
   * Sums up one kind of time, given for each call and `NaN` where it has none; `scratch` has room for all. Returns the
   * summary of every call, which the next grouping need not make again.
   */
  summarise(kind: Latency, times: Float64Array, scratch: Float64Array, ofAll?: LatencySummary): typeof ofAll {
    if (this.#whole !== -1 && ofAll) {
      this.#set(this.#whole, kind, ofAll);
      return ofAll;
    }
    const starts = this.#starts;
    const ends = this.#partition(times, scratch);
    for (const [place, { cutService, cutResponse }] of this.#tallies.entries()) {
      const cut = kind === 'service' ? cutService : kind === 'response' ? cutResponse : [];
      const summary = summariseSorted(scratch.subarray(starts[place], ends[place]).sort(), cut);
      if (summary) this.#set(place, kind, summary);
    }
    return this.#latencies[this.#whole]?.[kind] ?? ofAll;
  }

  #set(place: number, kind: Latency, summary: LatencySummary): void {
    const latency = this.#latencies[place];
    if (latency) latency[kind] = summary;
  }

  /** Puts the times of each group side by side; returns where each stretch ends. */
  #partition(times: Float64Array, scratch: Float64Array): Uint32Array {
    const places = this.#places;
    const ends = Uint32Array.from(this.#starts);
    for (let row = 0; row < times.length; row += 1) {
      const place = (places[row] ?? 0) - 1;
      const time = times[row] ?? Number.NaN;
      if (place < 0 || Number.isNaN(time)) continue;
      const end = ends[place] ?? 0;
      scratch[end] = time;
      ends[place] = end + 1;
    }
    return ends;
  }

  build(): GroupSummary[] {
    return this.#tallies.map((tally, place) => tally.build(this.#names[place] ?? '', this.#latencies[place] ?? {}));
  }

  #placeOf(name: string | undefined): number {
    if (name === undefined) return NO_GROUP;
    const known = this.#names.indexOf(name);
    if (known !== -1) return known;
    this.#names.push(name);
    return this.#tallies.push(new Tally()) - 1;
  }
}

/** Sums up calls in several ways at once, in memory of 40 bytes a call and little more: a run may have a million. */
export function summariseGroups(records: CallRecordSet, groupings: readonly Grouping[]): GroupSummary[][] {
  const { length } = records;
  const all = groupings.map((grouping) => new Groups(records, grouping));
  const times = new Float64Array(length);
  const scratch = new Float64Array(length);
  for (const { kind, needs, fill } of TIMES) {
    if (!records.knows(needs)) continue;
    fill(times, records);
    let ofAll: LatencySummary | undefined;
    for (const groups of all) ofAll = groups.summarise(kind, times, scratch, ofAll);
  }
  return all.map((groups) => groups.build());
}
