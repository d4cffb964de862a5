import type { CallRecord } from './call-records.ts';
import type { Cancel } from './clock.ts';
import type { CallEnd, CallSink, PlannedCall } from './driver.ts';
import type { Outcome } from './outcome.ts';
import type { SessionLink } from './session-link.ts';

/** What a load generator learns when its call has ended. */
export type OnEnd = (end: CallEnd, at: number) => void;

/** The run that a call belongs to. */
export interface FlightOwner {
  readonly warmupMs: number;
  /** Milliseconds since the load began. */
  now(): number;
  finish(flight: Flight, end: CallEnd): void;
}

/** When the parts of an answer came. */
interface Parts {
  firstEventMs: number;
  firstTokenMs: number;
  maxGapMs: number;
  lastPieceAt: number;
  tokens: number;
}

/** One call from its plan to its record. There are as many as calls: what can be derived takes no field. */
export class Flight implements CallSink, CallRecord {
  readonly due: number;
  readonly call: PlannedCall;
  readonly link: SessionLink;
  readonly onEnd: OnEnd;
  readonly #owner: FlightOwner;
  sentAt = Number.NaN;
  serviceMs = Number.NaN;
  queuedMs = Number.NaN;
  outcome: Outcome = 'censored';
  code = '';
  handle = 0;
  abandonTimer: Cancel | undefined;
  #parts: Parts | undefined;

  constructor(owner: FlightOwner, link: SessionLink, due: number, call: PlannedCall, onEnd: OnEnd) {
    this.#owner = owner;
    this.link = link;
    this.due = due;
    this.call = call;
    this.onEnd = onEnd;
  }

  get lagMs(): number {
    return this.sentAt - this.due;
  }
  get firstEventMs(): number {
    return this.#parts?.firstEventMs ?? Number.NaN;
  }
  get firstTokenMs(): number {
    return this.#parts?.firstTokenMs ?? Number.NaN;
  }
  get maxGapMs(): number {
    return this.#parts?.maxGapMs ?? Number.NaN;
  }
  get tokens(): number {
    return this.#parts?.tokens ?? 0;
  }
  get askedMs(): number {
    return this.call.serviceMs ?? Number.NaN;
  }
  get entry(): number {
    return this.call.entry;
  }
  get session(): number {
    return this.link.index;
  }
  get provider(): string {
    return this.call.provider ?? '';
  }
  get forced(): boolean {
    return this.call.forcedTimeout;
  }
  get warmup(): boolean {
    return this.due < this.#owner.warmupMs;
  }

  /** A record that can be kept and copied. */
  toRecord(): CallRecord {
    return {
      due: this.due,
      lagMs: this.lagMs,
      serviceMs: this.serviceMs,
      firstEventMs: this.firstEventMs,
      firstTokenMs: this.firstTokenMs,
      maxGapMs: this.maxGapMs,
      queuedMs: this.queuedMs,
      askedMs: this.askedMs,
      tokens: this.tokens,
      entry: this.entry,
      session: this.session,
      outcome: this.outcome,
      code: this.code,
      provider: this.provider,
      forced: this.forced,
      warmup: this.warmup,
    };
  }

  event(): void {
    this.#parts ??= { ...NO_PIECE, firstEventMs: this.#owner.now() - this.sentAt };
  }

  piece(tokens: number): void {
    const now = this.#owner.now();
    const parts = (this.#parts ??= { ...NO_PIECE, firstEventMs: now - this.sentAt });
    if (Number.isNaN(parts.firstTokenMs)) parts.firstTokenMs = now - this.sentAt;
    else parts.maxGapMs = Math.max(Number.isNaN(parts.maxGapMs) ? 0 : parts.maxGapMs, now - parts.lastPieceAt);
    parts.lastPieceAt = now;
    parts.tokens += tokens;
  }

  end(end: CallEnd): void {
    this.#owner.finish(this, end);
  }
}

const NO_PIECE = {
  firstTokenMs: Number.NaN,
  maxGapMs: Number.NaN,
  lastPieceAt: Number.NaN,
  tokens: 0,
};

/** The record of a call that was due and never sent. */
export function unsentRecord(unsent: {
  outcome: Outcome;
  session: number;
  due: number;
  call: PlannedCall;
  warmup: boolean;
}): CallRecord {
  const { outcome, session, due, call, warmup } = unsent;
  return {
    ...NEVER_SENT,
    outcome,
    due,
    session,
    warmup,
    entry: call.entry,
    askedMs: call.serviceMs ?? Number.NaN,
    provider: call.provider ?? '',
    forced: call.forcedTimeout,
  };
}

const NEVER_SENT: Omit<
  CallRecord,
  'outcome' | 'due' | 'session' | 'entry' | 'askedMs' | 'provider' | 'forced' | 'warmup'
> = {
  lagMs: Number.NaN,
  serviceMs: Number.NaN,
  firstEventMs: Number.NaN,
  firstTokenMs: Number.NaN,
  maxGapMs: Number.NaN,
  queuedMs: Number.NaN,
  tokens: 0,
  code: '',
};
