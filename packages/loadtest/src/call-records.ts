import { OUTCOMES, type Outcome } from './outcome.ts';

/** One call that ended. Times are milliseconds; `NaN` stands for what did not happen or was not told. */
export interface CallRecord {
  /** When it should have been sent, from the start of the load. */
  due: number;
  /** Sent this much later than due. */
  lagMs: number;
  /** From sent to end. The response time is `lagMs + serviceMs`. */
  serviceMs: number;
  firstEventMs: number;
  firstTokenMs: number;
  /** Longest silence between two pieces of the answer. */
  maxGapMs: number;
  /** Wait for admission and permits, as the server says. */
  queuedMs: number;
  /** Service time asked of the simulated provider. */
  askedMs: number;
  tokens: number;
  entry: number;
  session: number;
  outcome: Outcome;
  code: string;
  provider: string;
  forced: boolean;
  warmup: boolean;
}

type Cells = Float64Array | Float32Array | Uint16Array | Uint8Array;
const CHUNK_BITS = 13;
const CHUNK = 2 ** CHUNK_BITS;

/** Numbers by row. A chunk whose rows are all blank takes no memory. */
class Column {
  readonly #make: () => Cells;
  readonly #blank: number;
  readonly #chunks: (Cells | undefined)[] = [];

  constructor(make: () => Cells, blank = 0) {
    this.#make = make;
    this.#blank = blank;
  }

  /** True when every row is blank. */
  get isBlank(): boolean {
    return this.#chunks.length === 0;
  }

  set(index: number, value: number): void {
    const place = index & (CHUNK - 1);
    const number = index >>> CHUNK_BITS;
    const chunk = this.#chunks[number];
    if (chunk !== undefined) chunk[place] = value;
    else if (!Object.is(value, this.#blank)) this.#begin(number)[place] = value;
  }

  get(index: number): number {
    const chunk = this.#chunks[index >>> CHUNK_BITS];
    return chunk === undefined ? this.#blank : (chunk[index & (CHUNK - 1)] ?? this.#blank);
  }

  #begin(number: number): Cells {
    const chunk = this.#make();
    if (this.#blank !== 0) chunk.fill(this.#blank);
    while (this.#chunks.length < number) this.#chunks.push(undefined);
    this.#chunks[number] = chunk;
    return chunk;
  }
}

const f64 = (): Cells => new Float64Array(CHUNK);
const f32 = (): Cells => new Float32Array(CHUNK);
const u16 = (): Cells => new Uint16Array(CHUNK);
const u8 = (): Cells => new Uint8Array(CHUNK);

/** Small numbers for repeated texts. */
class Names {
  readonly #names: string[] = [''];
  readonly #index = new Map<string, number>([['', 0]]);

  indexOf(name: string): number {
    const known = this.#index.get(name);
    if (known !== undefined) return known;
    const index = this.#names.push(name) - 1;
    this.#index.set(name, index);
    return index;
  }

  at(index: number): string {
    return this.#names[index] ?? '';
  }
}

const OUTCOME_INDEX: ReadonlyMap<Outcome, number> = new Map(OUTCOMES.map((outcome, index) => [outcome, index]));

/** Calls to be read one after the other. */
export interface CallRecordSet extends Iterable<CallRecord> {
  readonly length: number;
  /** The call at `index`. The object handed out is the same each time: copy what is to be kept. */
  at(index: number): CallRecord;
  /** False when no call has this time. */
  knows(time: RecordedTime): boolean;
}

/** Times that a record may lack. */
export type RecordedTime = 'serviceMs' | 'firstEventMs' | 'firstTokenMs' | 'maxGapMs' | 'queuedMs' | 'askedMs';

/** The columns of a table of calls: 47 bytes a row when nothing is blank. */
class Table {
  readonly due = new Column(f64);
  readonly lagMs = new Column(f32, Number.NaN);
  readonly serviceMs = new Column(f32, Number.NaN);
  readonly firstEventMs = new Column(f32, Number.NaN);
  readonly firstTokenMs = new Column(f32, Number.NaN);
  readonly maxGapMs = new Column(f32, Number.NaN);
  readonly queuedMs = new Column(f32, Number.NaN);
  readonly askedMs = new Column(f32, Number.NaN);
  readonly tokens = new Column(u16);
  readonly entry = new Column(u8);
  readonly session = new Column(u16);
  readonly outcome = new Column(u8);
  readonly code = new Column(u16);
  readonly provider = new Column(u8);
  readonly flags = new Column(u8);
  readonly codes = new Names();
  readonly providers = new Names();
}

const FORCED = 1;
const WARMUP = 2;

/** One row of the table, read where it lies. */
class Row implements CallRecord {
  index = 0;
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  get due(): number {
    return this.#table.due.get(this.index);
  }
  get lagMs(): number {
    return this.#table.lagMs.get(this.index);
  }
  get serviceMs(): number {
    return this.#table.serviceMs.get(this.index);
  }
  get firstEventMs(): number {
    return this.#table.firstEventMs.get(this.index);
  }
  get firstTokenMs(): number {
    return this.#table.firstTokenMs.get(this.index);
  }
  get maxGapMs(): number {
    return this.#table.maxGapMs.get(this.index);
  }
  get queuedMs(): number {
    return this.#table.queuedMs.get(this.index);
  }
  get askedMs(): number {
    return this.#table.askedMs.get(this.index);
  }
  get tokens(): number {
    return this.#table.tokens.get(this.index);
  }
  get entry(): number {
    return this.#table.entry.get(this.index);
  }
  get session(): number {
    return this.#table.session.get(this.index);
  }
  get outcome(): Outcome {
    return OUTCOMES[this.#table.outcome.get(this.index)] ?? 'protocol_error';
  }
  get code(): string {
    return this.#table.codes.at(this.#table.code.get(this.index));
  }
  get provider(): string {
    return this.#table.providers.at(this.#table.provider.get(this.index));
  }
  get forced(): boolean {
    return (this.#table.flags.get(this.index) & FORCED) !== 0;
  }
  get warmup(): boolean {
    return (this.#table.flags.get(this.index) & WARMUP) !== 0;
  }
}

/** Every call of a run, in the order they ended, in columns: a million calls fit into 50 MB, also while they are summed up. */
export class CallRecords implements CallRecordSet {
  #length = 0;
  #warmups = 0;
  readonly #table = new Table();
  readonly #row = new Row(this.#table);

  get length(): number {
    return this.#length;
  }

  knows(time: RecordedTime): boolean {
    return !this.#table[time].isBlank;
  }

  add(record: CallRecord): void {
    const index = this.#length;
    const table = this.#table;
    this.#length = index + 1;
    if (record.warmup) this.#warmups += 1;
    table.due.set(index, record.due);
    table.lagMs.set(index, record.lagMs);
    table.serviceMs.set(index, record.serviceMs);
    table.firstEventMs.set(index, record.firstEventMs);
    table.firstTokenMs.set(index, record.firstTokenMs);
    table.maxGapMs.set(index, record.maxGapMs);
    table.queuedMs.set(index, record.queuedMs);
    table.askedMs.set(index, record.askedMs);
    table.tokens.set(index, Math.min(record.tokens, 65_535));
    table.entry.set(index, record.entry);
    table.session.set(index, record.session);
    table.outcome.set(index, OUTCOME_INDEX.get(record.outcome) ?? 0);
    table.code.set(index, table.codes.indexOf(record.code));
    table.provider.set(index, table.providers.indexOf(record.provider));
    table.flags.set(index, (record.forced ? FORCED : 0) | (record.warmup ? WARMUP : 0));
  }

  at(index: number): CallRecord {
    this.#row.index = index;
    return this.#row;
  }

  *[Symbol.iterator](): Generator<CallRecord> {
    for (let index = 0; index < this.#length; index += 1) yield this.at(index);
  }

  /** The calls that were due after the warm-up. */
  measured(): CallRecordSet {
    if (this.#warmups === 0) return this;
    const places = new Uint32Array(this.#length - this.#warmups);
    let length = 0;
    for (let index = 0; index < this.#length; index += 1) {
      if (this.at(index).warmup) continue;
      places[length] = index;
      length += 1;
    }
    return new SelectedRecords(this, places);
  }
}

class SelectedRecords implements CallRecordSet {
  readonly #records: CallRecordSet;
  readonly #places: Uint32Array;

  constructor(records: CallRecordSet, places: Uint32Array) {
    this.#records = records;
    this.#places = places;
  }

  get length(): number {
    return this.#places.length;
  }

  at(index: number): CallRecord {
    return this.#records.at(this.#places[index] ?? 0);
  }

  knows(time: RecordedTime): boolean {
    return this.#records.knows(time);
  }

  *[Symbol.iterator](): Generator<CallRecord> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index);
  }
}
