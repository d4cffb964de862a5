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

/** One call from its plan to its record. */
export class Flight implements CallSink, CallRecord {
  readonly due: number;
  lagMs = Number.NaN;
  serviceMs = Number.NaN;
  firstEventMs = Number.NaN;
  firstTokenMs = Number.NaN;
  maxGapMs = Number.NaN;
  queuedMs = Number.NaN;
  readonly askedMs: number;
  tokens = 0;
  readonly entry: number;
  readonly session: number;
  outcome: Outcome = 'censored';
  code = '';
  readonly provider: string;
  readonly forced: boolean;
  readonly warmup: boolean;
  readonly call: PlannedCall;
  readonly link: SessionLink;
  readonly onEnd: OnEnd;
  readonly #owner: FlightOwner;
  sentAt = Number.NaN;
  lastPieceAt = Number.NaN;
  handle = 0;
  timer: Cancel | undefined;
  abandonTimer: Cancel | undefined;

  constructor(owner: FlightOwner, link: SessionLink, due: number, call: PlannedCall, onEnd: OnEnd) {
    this.#owner = owner;
    this.link = link;
    this.due = due;
    this.call = call;
    this.onEnd = onEnd;
    this.askedMs = call.serviceMs ?? Number.NaN;
    this.entry = call.entry;
    this.session = link.index;
    this.provider = call.provider ?? '';
    this.forced = call.forcedTimeout;
    this.warmup = due < owner.warmupMs;
  }

  event(): void {
    if (Number.isNaN(this.firstEventMs)) this.firstEventMs = this.#owner.now() - this.sentAt;
  }

  piece(tokens: number): void {
    const now = this.#owner.now();
    if (Number.isNaN(this.firstEventMs)) this.firstEventMs = now - this.sentAt;
    if (Number.isNaN(this.firstTokenMs)) this.firstTokenMs = now - this.sentAt;
    else this.maxGapMs = Math.max(Number.isNaN(this.maxGapMs) ? 0 : this.maxGapMs, now - this.lastPieceAt);
    this.lastPieceAt = now;
    this.tokens += tokens;
  }

  end(end: CallEnd): void {
    this.#owner.finish(this, end);
  }
}

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
