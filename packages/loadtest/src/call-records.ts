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
const CHUNK = 8192;

class Column {
  readonly #make: () => Cells;
  readonly #chunks: Cells[] = [];

  constructor(make: () => Cells) {
    this.#make = make;
  }

  set(index: number, value: number): void {
    const place = index % CHUNK;
    let chunk = this.#chunks[(index - place) / CHUNK];
    if (chunk === undefined) this.#chunks.push((chunk = this.#make()));
    chunk[place] = value;
  }

  get(index: number): number {
    const place = index % CHUNK;
    return this.#chunks[(index - place) / CHUNK]?.[place] ?? Number.NaN;
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

/** Every call of a run, in the order they ended, in columns of 47 bytes a row: a million calls fit into 50 MB. */
export class CallRecords {
  #length = 0;
  readonly #due = new Column(f64);
  readonly #lag = new Column(f32);
  readonly #service = new Column(f32);
  readonly #firstEvent = new Column(f32);
  readonly #firstToken = new Column(f32);
  readonly #maxGap = new Column(f32);
  readonly #queued = new Column(f32);
  readonly #asked = new Column(f32);
  readonly #tokens = new Column(u16);
  readonly #entry = new Column(u8);
  readonly #session = new Column(u16);
  readonly #outcome = new Column(u8);
  readonly #code = new Column(u16);
  readonly #provider = new Column(u8);
  readonly #flags = new Column(u8);
  readonly #codes = new Names();
  readonly #providers = new Names();

  get length(): number {
    return this.#length;
  }

  add(record: CallRecord): void {
    const index = this.#length;
    this.#length = index + 1;
    this.#due.set(index, record.due);
    this.#lag.set(index, record.lagMs);
    this.#service.set(index, record.serviceMs);
    this.#firstEvent.set(index, record.firstEventMs);
    this.#firstToken.set(index, record.firstTokenMs);
    this.#maxGap.set(index, record.maxGapMs);
    this.#queued.set(index, record.queuedMs);
    this.#asked.set(index, record.askedMs);
    this.#tokens.set(index, Math.min(record.tokens, 65_535));
    this.#entry.set(index, record.entry);
    this.#session.set(index, record.session);
    this.#outcome.set(index, OUTCOME_INDEX.get(record.outcome) ?? 0);
    this.#code.set(index, this.#codes.indexOf(record.code));
    this.#provider.set(index, this.#providers.indexOf(record.provider));
    this.#flags.set(index, (record.forced ? 1 : 0) | (record.warmup ? 2 : 0));
  }

  get(index: number): CallRecord {
    const flags = this.#flags.get(index);
    return {
      due: this.#due.get(index),
      lagMs: this.#lag.get(index),
      serviceMs: this.#service.get(index),
      firstEventMs: this.#firstEvent.get(index),
      firstTokenMs: this.#firstToken.get(index),
      maxGapMs: this.#maxGap.get(index),
      queuedMs: this.#queued.get(index),
      askedMs: this.#asked.get(index),
      tokens: this.#tokens.get(index),
      entry: this.#entry.get(index),
      session: this.#session.get(index),
      outcome: OUTCOMES[this.#outcome.get(index)] ?? 'protocol_error',
      code: this.#codes.at(this.#code.get(index)),
      provider: this.#providers.at(this.#provider.get(index)),
      forced: (flags & 1) !== 0,
      warmup: (flags & 2) !== 0,
    };
  }

  *[Symbol.iterator](): Generator<CallRecord> {
    for (let index = 0; index < this.#length; index += 1) yield this.get(index);
  }
}
