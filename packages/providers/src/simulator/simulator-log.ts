import type { JsonObject } from './json.ts';
import type { SimulatedProvider } from './persona-reply.ts';

/** One chat call as the simulator saw it. It holds no content unless `recordRequests` is on. */
export interface CallRecord {
  readonly id: number;
  readonly provider: SimulatedProvider;
  readonly model: string;
  /** Numbered in order of appearance, never the key. */
  readonly account: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly stream: boolean;
  readonly thinking: boolean;
  readonly webSearch: boolean;
  readonly tools: number;
  /** HTTP status; absent until the response began. */
  readonly status?: number;
  /** `cancelled`: the client closed the connection first. `failed`: an error status, or an error or a cut in the stream. */
  readonly outcome: 'running' | 'answered' | 'refused' | 'failed' | 'cancelled';
  /** The error's code or type on the wire. */
  readonly error?: string;
  /** A fault that was put into this call: `hang`, `keep-alive-hang`, `error`, `cut`, or the name of a scripted shape. */
  readonly fault?: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** The request's body, with `recordRequests`. */
  readonly request?: JsonObject;
}

/** Calls at one time. */
export interface Concurrency {
  readonly glm: number;
  readonly kimi: number;
  readonly total: number;
}

/** The log without the single calls, as `GET /__simulator` returns it. */
export interface LogSummary {
  readonly peak: Concurrency;
  readonly inFlight: Concurrency;
  readonly calls: number;
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
  readonly cancelsSeen: number;
}

/** Most calls kept one by one; the counters go on. */
const MOST_RECORDS = 20_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What the simulator saw: every chat call, and how many there were at one time. */
export class SimulatorLog {
  #records: Mutable<CallRecord>[] = [];
  #running = new Map<number, Mutable<CallRecord>>();
  #peak = { glm: 0, kimi: 0, total: 0 };
  #counts = { calls: 0, answered: 0, refused: 0, failed: 0, cancelled: 0 };
  #nextId = 1;

  /** The latest 20,000 calls, oldest first. */
  get calls(): readonly CallRecord[] {
    return this.#records;
  }

  /** Most calls at one time since the start or the last {@link reset}. A call counts from its receipt until its last byte is sent or the client is gone. */
  get peak(): Concurrency {
    return { ...this.#peak };
  }

  /** Calls at this time. */
  get inFlight(): Concurrency {
    let glm = 0;
    for (const { provider } of this.#running.values()) if (provider === 'glm') glm += 1;
    return { glm, kimi: this.#running.size - glm, total: this.#running.size };
  }

  /** Calls refused by an account's limits. */
  get refused(): number {
    return this.#counts.refused;
  }

  /** Calls whose client closed the connection before the end. */
  get cancelsSeen(): number {
    return this.#counts.cancelled;
  }

  summary(): LogSummary {
    const { calls, answered, refused, failed, cancelled } = this.#counts;
    return { peak: this.peak, inFlight: this.inFlight, calls, answered, refused, failed, cancelsSeen: cancelled };
  }

  /** Forgets what was seen; calls that still run count on. */
  reset(): void {
    this.#records = [...this.#running.values()];
    this.#counts = { calls: this.#running.size, answered: 0, refused: 0, failed: 0, cancelled: 0 };
    this.#peak = { glm: 0, kimi: 0, total: 0 };
    this.notePeak();
  }

  /** @internal */
  begin(record: Omit<CallRecord, 'id' | 'outcome'>): CallRecord {
    const entry: Mutable<CallRecord> = { ...record, id: this.#nextId, outcome: 'running' };
    this.#nextId += 1;
    this.#counts.calls += 1;
    this.#running.set(entry.id, entry);
    this.#records.push(entry);
    if (this.#records.length > MOST_RECORDS) this.#records.shift();
    return entry;
  }

  /** @internal */
  notePeak(): void {
    const now = this.inFlight;
    this.#peak.glm = Math.max(this.#peak.glm, now.glm);
    this.#peak.kimi = Math.max(this.#peak.kimi, now.kimi);
    this.#peak.total = Math.max(this.#peak.total, now.total);
  }

  /** @internal */
  amend(id: number, change: Partial<CallRecord>): void {
    const entry = this.#running.get(id);
    if (entry !== undefined) Object.assign(entry, change);
  }

  /** @internal Ends a call once; later ends change nothing. */
  end(id: number, outcome: Exclude<CallRecord['outcome'], 'running'>): void {
    const entry = this.#running.get(id);
    if (entry === undefined) return;
    this.#running.delete(id);
    entry.outcome = outcome;
    entry.endedAt = Date.now();
    this.#counts[outcome] += 1;
  }
}
