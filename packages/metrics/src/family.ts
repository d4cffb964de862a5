import { BUCKETS, type FamilySpec } from './families.ts';
import { type LabelGuard, OTHER } from './label-guard.ts';

/** Label name → value. */
export type Labels = Readonly<Record<string, string>>;

/** A histogram read from elsewhere: one count per bucket, the one above the last bound included, not cumulative. */
export interface HistogramReading {
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** Hands one reading of a scrape to the family. */
export type Emit = (labels: Labels, value: number | HistogramReading) => void;

/** Reads a live object; `scraping` when a registry asks, false when only the label sets are wanted. */
export type Source = (emit: Emit, scraping: boolean) => void;

/** One line of the exposition, in the shape both client libraries render. */
export interface Sample {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName?: string;
}

/** What a registry asks of a metric. */
export interface FamilyReading {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: Sample[];
}

/** What a family tells about itself; the counts become families of their own. */
export interface FamilyReports {
  overflowed(family: string): void;
  invalid(family: string): void;
}

interface Series {
  readonly labels: Labels;
  value: number;
  count: number;
  readonly counts: number[];
}

/** Most label sets of a counter or gauge, and of a histogram, whose sets cost twenty lines each. */
const MAX_SERIES = 200;
const MAX_HISTOGRAM_SERIES = 20;

/**
 * One metric family: series written by events and helpers, and series read from live objects at scrape.
 *
 * Stands in for a client library's metric: a registry calls {@link get}. Never throws on a value, because its callers are
 * listeners and scrapes: what is not finite, or negative, is dropped and reported.
 */
export class Family {
  /** Mutable because a registry in OpenMetrics mode renames counters in place. */
  name: string;
  readonly help: string;
  readonly type: FamilySpec['type'];
  readonly aggregator: 'sum' | 'max';
  readonly labelNames: readonly string[];
  readonly #id: string;
  readonly #spec: FamilySpec;
  readonly #guard: LabelGuard;
  readonly #reports: FamilyReports;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();
  readonly #sources = new Set<Source>();
  #reportedSourceOverflow = false;

  constructor(name: string, spec: FamilySpec, guard: LabelGuard, reports: FamilyReports) {
    this.name = name;
    this.#id = name;
    this.help = spec.help;
    this.type = spec.type;
    this.aggregator = spec.merge ?? 'sum';
    this.labelNames = Object.keys(spec.labels);
    this.#spec = spec;
    this.#guard = guard;
    this.#reports = reports;
    this.#bounds = spec.buckets === undefined ? [] : BUCKETS[spec.buckets];
  }

  /** Counts. */
  add(labels: Labels, value: number): void {
    if (this.#accepts(value)) this.#writable(labels).value += value;
  }

  /** Sets a gauge. */
  set(labels: Labels, value: number): void {
    if (this.#accepts(value)) this.#writable(labels).value = value;
  }

  /** Puts one value into a histogram. */
  observe(labels: Labels, value: number): void {
    if (!this.#accepts(value)) return;
    const series = this.#writable(labels);
    series.value += value;
    series.count += 1;
    const bucket = bucketOf(this.#bounds, value);
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
  }

  /** Reads `source` at every scrape from now on, until the returned function is called. */
  attach(source: Source): () => void {
    this.#sources.add(source);
    return () => this.#sources.delete(source);
  }

  /** True when a live object feeds this label set now. */
  isFed(labels: Labels): boolean {
    return this.#sources.size > 0 && this.#readSources(false).has(this.#keyOf(this.#admit(labels)));
  }

  /** A label set that was written before and that `source` would feed too, if there is one. */
  collision(source: Source): Labels | undefined {
    const taken = new Set([...this.#series.keys(), ...this.#readSources(false).keys()]);
    let found: Labels | undefined;
    source((labels) => {
      if (taken.has(this.#keyOf(this.#admit(labels)))) found ??= labels;
    }, false);
    return found;
  }

  /** The family as a registry renders it. Asynchronous by contract; all reading happens in the calling turn. */
  async get(): Promise<FamilyReading> {
    const fed = this.#readSources(true);
    const values: Sample[] = [];
    for (const [key, series] of this.#series) if (!fed.has(key)) this.#sampleInto(values, series);
    for (const series of fed.values()) this.#sampleInto(values, series);
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }

  /** Forgets what was written; what is read from live objects stays. Registries call it in `resetMetrics()`. */
  reset(): void {
    this.#series.clear();
  }

  #accepts(value: number): boolean {
    const isFine = isAmount(value);
    if (!isFine) this.#reports.invalid(this.#id);
    return isFine;
  }

  /** A label set that is a series has been admitted before, so the common case is one look-up. */
  #writable(raw: Labels): Series {
    return this.#series.get(this.#keyOf(raw)) ?? this.#admitted(raw);
  }

  #admitted(raw: Labels): Series {
    const labels = this.#admit(raw);
    const key = this.#keyOf(labels);
    const known = this.#series.get(key);
    if (this.#differs(raw, labels)) this.#reports.overflowed(this.#id);
    if (known !== undefined) return known;
    const limit = this.type === 'histogram' ? MAX_HISTOGRAM_SERIES : MAX_SERIES;
    if (this.#series.size < limit || this.labelNames.length === 0) return this.#create(this.#series, key, labels);
    this.#reports.overflowed(this.#id);
    const folded = this.#fold(labels);
    return this.#series.get(this.#keyOf(folded)) ?? this.#create(this.#series, this.#keyOf(folded), folded);
  }

  #create(into: Map<string, Series>, key: string, labels: Labels): Series {
    const series: Series = { labels, value: 0, count: 0, counts: this.#bounds.map(() => 0) };
    if (this.type === 'histogram') series.counts.push(0);
    into.set(key, series);
    return series;
  }

  /** What comes on top of the limit is at most the product of the closed sets and the admitted providers. */
  #fold(labels: Labels): Labels {
    return this.#mapLabels(labels, (value, vocabulary) =>
      vocabulary === 'model' || vocabulary === 'tool' || vocabulary === 'text' ? OTHER : value,
    );
  }

  #admit(labels: Labels): Labels {
    return this.#mapLabels(labels, (value, vocabulary) => this.#guard.admit(vocabulary, value));
  }

  #mapLabels(labels: Labels, map: (value: string, vocabulary: FamilySpec['labels'][string]) => string): Labels {
    const mapped: Record<string, string> = {};
    for (const [label, vocabulary] of Object.entries(this.#spec.labels))
      mapped[label] = map(labels[label] ?? OTHER, vocabulary);
    return mapped;
  }

  #differs(raw: Labels, admitted: Labels): boolean {
    return this.labelNames.some((label) => admitted[label] === OTHER && raw[label] !== OTHER);
  }

  #keyOf(labels: Labels): string {
    let key = '';
    for (const label of this.labelNames) key += `${labels[label] ?? OTHER}\n`;
    return key;
  }

  #readSources(scraping: boolean): Map<string, Series> {
    const read = new Map<string, Series>();
    for (const source of this.#sources) source((raw, value) => this.#merge(read, raw, value), scraping);
    return read;
  }

  #merge(read: Map<string, Series>, raw: Labels, value: number | HistogramReading): void {
    if (!isReadable(value, this.type)) return this.#reports.invalid(this.#id);
    const labels = this.#admit(raw);
    if (!this.#reportedSourceOverflow && this.#differs(raw, labels)) {
      this.#reportedSourceOverflow = true;
      this.#reports.overflowed(this.#id);
    }
    const key = this.#keyOf(labels);
    const first = !read.has(key);
    const series = read.get(key) ?? this.#create(read, key, labels);
    if (typeof value !== 'number') return addReading(series, value);
    series.value = first || this.aggregator === 'sum' ? series.value + value : Math.max(series.value, value);
  }

  #sampleInto(values: Sample[], series: Series): void {
    if (this.type !== 'histogram') {
      values.push({ labels: { ...series.labels }, value: series.value });
      return;
    }
    const push = (suffix: string, value: number, more: Labels | { le: number }): void => {
      values.push({ labels: { ...series.labels, ...more }, value, metricName: `${this.#id}_${suffix}` });
    };
    let cumulative = 0;
    for (const [index, bound] of this.#bounds.entries()) {
      cumulative += series.counts[index] ?? 0;
      push('bucket', cumulative, { le: bound });
    }
    push('bucket', series.count, { le: '+Inf' });
    push('sum', series.value, {});
    push('count', series.count, {});
  }
}

function bucketOf(bounds: readonly number[], value: number): number {
  let index = 0;
  while (value > (bounds[index] ?? Infinity)) index += 1;
  return index;
}

/** A gauge read from a live object may be negative: capacity can shrink below what is held. */
function isReadable(value: number | HistogramReading, type: FamilySpec['type']): boolean {
  if (typeof value !== 'number') return [value.sum, value.count, ...value.counts].every(isAmount);
  return Number.isFinite(value) && (type === 'gauge' || value >= 0);
}

function isAmount(value: number): boolean {
  return value >= 0 && value < Infinity;
}

function addReading(series: Series, reading: HistogramReading): void {
  series.value += reading.sum;
  series.count += reading.count;
  for (const [index, count] of reading.counts.entries()) series.counts[index] = (series.counts[index] ?? 0) + count;
}
