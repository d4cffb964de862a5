import { Column, f32, f64, Names, u16, u8 } from './column.ts';
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

const OUTCOME_INDEX: ReadonlyMap<Outcome, number> = new Map(OUTCOMES.map((outcome, index) => [outcome, index]));

/** Calls to be read one after the other. */
export interface CallRecordSet extends Iterable<CallRecord> {
  readonly length: number;
  /** The call at `index`. The object handed out is the same each time: copy what is to be kept. */
  at(index: number): CallRecord;
  /** False when no call has this time. */
  knows(time: RecordedTime): boolean;
  /** A copy of one column, for what reads every call. */
  column<N extends ColumnName>(name: N): CallColumns[N];
}

/** Columns that can be read as a whole. `outcome` and `provider` are small numbers; {@link OK} and {@link CLOSED} are outcomes. */
export interface CallColumns {
  due: Float64Array;
  lagMs: Float32Array;
  serviceMs: Float32Array;
  firstEventMs: Float32Array;
  firstTokenMs: Float32Array;
  maxGapMs: Float32Array;
  queuedMs: Float32Array;
  askedMs: Float32Array;
  tokens: Uint16Array;
  entry: Uint8Array;
  session: Uint16Array;
  outcome: Uint8Array;
  provider: Uint8Array;
  forced: Uint8Array;
}

/** Name of a column. */
export type ColumnName = keyof CallColumns;

/** The outcome `ok` in the column `outcome`. */
export const OK = OUTCOMES.indexOf('ok');
/** The outcome `closed` in the column `outcome`. */
export const CLOSED = OUTCOMES.indexOf('closed');

/** Times that a record may lack. */
export type RecordedTime = 'serviceMs' | 'firstEventMs' | 'firstTokenMs' | 'maxGapMs' | 'queuedMs' | 'askedMs';

/** The columns of a table of calls: 48 bytes a row when nothing is blank. */
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
  readonly forced = new Column(u8);
  readonly warmup = new Column(u8);
  readonly codes = new Names();
  readonly providers = new Names();
}

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
    return this.#table.forced.get(this.index) !== 0;
  }
  get warmup(): boolean {
    return this.#table.warmup.get(this.index) !== 0;
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

  column<N extends ColumnName>(name: N, rows?: Uint32Array): CallColumns[N] {
    const columns: { [K in ColumnName]: Column<CallColumns[K]> } = this.#table;
    return rows ? columns[name].pick(rows) : columns[name].toArray(this.#length);
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
    table.forced.set(index, record.forced ? 1 : 0);
    table.warmup.set(index, record.warmup ? 1 : 0);
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
    const isWarmup = this.#table.warmup.toArray(this.#length);
    const places = new Uint32Array(this.#length - this.#warmups);
    let length = 0;
    for (let index = 0; index < isWarmup.length; index += 1) {
      if (isWarmup[index] !== 0) continue;
      places[length] = index;
      length += 1;
    }
    return new SelectedRecords(this, places);
  }
}

class SelectedRecords implements CallRecordSet {
  readonly #records: CallRecords;
  readonly #places: Uint32Array;

  constructor(records: CallRecords, places: Uint32Array) {
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

  column<N extends ColumnName>(name: N): CallColumns[N] {
    return this.#records.column(name, this.#places);
  }

  *[Symbol.iterator](): Generator<CallRecord> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index);
  }
}
