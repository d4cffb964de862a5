import type { AcquireError, AcquireErrorCode } from './acquire-error.ts';
import type { CapacityTier } from './capacity-tier.ts';
import { checkDuration, checkFinite, checkName, checkSignal } from './check-argument.ts';
import type { CommonAsk, CommonOptions } from './common-options.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import type { Deadlock } from './deadlock-watch.ts';
import { toCallerStack, toHolderInfo } from './hold-record.ts';
import { IdleWaits, type DrainOptions } from './idle-waits.ts';
import { checkMaxHold } from './leak-options.ts';
import type { HeldPermit, Permit } from './permit.ts';
import { describeHolder, inQuotes } from './refusal-message.ts';
import { whose, type Seat } from './seat.ts';
import { SemaphoreGrants } from './semaphore-grants.ts';
import { SignalList } from './signal-list.ts';
import { Waiter, type Settle } from './waiter.ts';

/** What calls of both kinds of semaphore have in common. */
type Ask = CommonAsk & { weight?: number };

/** A call's way to its permit, whatever the order of the waiters: admit, wait, refuse, close. */
export abstract class SemaphoreCore<S extends Seat, A extends Ask> extends SemaphoreGrants<S> {
  protected readonly deadlines: DeadlineTimer<S>;
  protected readonly signals: SignalList<S>;
  readonly #idleWaits: IdleWaits;
  #arrivals = 0;
  #closeReason: unknown;
  #settleWaiter: Settle<S> = ignore;

  protected constructor(options: CommonOptions, global: CapacityTier) {
    super(options, global);
    this.#idleWaits = new IdleWaits(this.clock.clock);
    this.deadlines = new DeadlineTimer<S>(this.clock, (waiters) => this.rejectAll(waiters));
    this.signals = new SignalList<S>((waiters, reason) => this.rejectAll(waiters, 'ABORTED', reason));
  }

  /** Waits for a permit. Rejects with an `AcquireError`, or with a `RangeError` for a bad argument; never throws. */
  abstract acquire(ask: A): Promise<Permit>;
  protected abstract seatOf(ask: A): S;
  /** Whether a newcomer can start now without overtaking anybody. */
  protected abstract fitsNow(seat: S, ask: A): boolean;
  protected abstract grantNow(seat: S, ask: A): HeldPermit<S>;
  /** Refuses a call because too many wait, unless room can be made. */
  protected abstract refuseFull(seat: S, ask: A): AcquireError | undefined;
  protected abstract insert(waiter: Waiter<S>, ask: A, now: number): void;
  protected abstract unqueue(waiter: Waiter<S>): void;
  protected abstract pump(): void;
  protected abstract waiters(): Waiter<S>[];

  /** A permit now or not at all; never overtakes a waiter. Throws on a bad argument only. */
  tryAcquire(ask: A): Permit | undefined {
    this.checkAsk(ask);
    const seat = this.seatOf(ask);
    if (this.fitsNow(seat, ask) && this.refuseEarly(ask, seat) === undefined) return this.grantNow(seat, ask);
    this.letGo(seat);
    return undefined;
  }

  /** Rejects every waiting call with `ABORTED` and returns how many there were. Holders keep what they hold. */
  cancelAll(reason?: unknown): number {
    const waiters = this.waiters();
    this.rejectAll(waiters, 'ABORTED', reason);
    return waiters.length;
  }

  /** Resolves when nothing is held or waiting. Rejects with `TIMEOUT` or `ABORTED`. */
  drain(options: DrainOptions = {}): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return this.#idleWaits.wait(options, () => {
      const held = this.oldestHolders(() => true).map((holder) => describeHolder(holder, false));
      return `${this.global.held} held, ${this.waiting} waiting${held.length === 0 ? '' : `; ${held.join(', ')}`}`;
    });
  }

  /**
   * Refuses new calls and rejects waiting ones with `CLOSED`, then resolves when the last permit is back. With `force` the
   * holders' signals are aborted too, except at leak level `off`, which knows no holders.
   */
  close(options: { reason?: unknown; force?: boolean } = {}): Promise<void> {
    if (!this.isClosed) {
      this.isClosed = true;
      this.#closeReason = options.reason;
      this.stopHealthCheck();
      this.rejectAll(this.waiters(), 'CLOSED', options.reason);
    }
    if (options.force === true) this.abortHolders(() => true, 'CLOSED', 'the semaphore was closed');
    return this.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Grants, puts in line, or rejects. Never throws. */
  protected take(ask: A): Promise<HeldPermit<S>> {
    try {
      this.checkAsk(ask);
    } catch (error) {
      return Promise.reject(error);
    }
    const seat = this.seatOf(ask);
    const early = this.refuseEarly(ask, seat);
    if (early === undefined && this.fitsNow(seat, ask)) return Promise.resolve(this.grantNow(seat, ask));
    const refusal = early ?? (ask.timeoutMs === 0 ? this.refuse('TIMEOUT', seat) : this.refuseFull(seat, ask));
    if (refusal === undefined) return this.#wait(seat, ask);
    this.letGo(seat);
    return Promise.reject(refusal);
  }

  /** Refuses a call that may not even wait, or undefined. */
  protected refuseEarly(ask: A, seat: S): AcquireError | undefined {
    if (this.isClosed) return this.refuse('CLOSED', seat, undefined, { cause: this.#closeReason });
    if (ask.signal?.aborted === true) return this.refuse('ABORTED', seat, undefined, { cause: ask.signal.reason });
    if (ask.deadlineAt !== undefined && ask.deadlineAt - this.clock.clock.now() <= this.minRunMs)
      return this.refuse('DEADLINE_EXCEEDED', seat);
    return undefined;
  }

  /** Grants a call that has waited; it has left the queue. */
  protected settle(waiter: Waiter<S>, weight: number, waitedMs: number): void {
    this.#detach(waiter);
    waiter.settle(this.toPermit(waiter.seat, weight, waitedMs, waiter.terms, waiter.deadlineOffset));
  }

  /** A call that was turned away leaves nothing behind. */
  protected letGo(_seat: S): void {
    // A plain semaphore makes nothing for a call.
  }

  /** After something came free: those who wait move up, and who waits for idleness is told. */
  protected override moveUp(): void {
    if (this.waiting > 0) this.pump();
    if (this.#isIdle) this.#idleWaits.settle();
  }

  /** Ends waits with one code (default: the one of each waiter's own bound), and lets those behind move up. */
  protected rejectAll(waiters: readonly Waiter<S>[], code?: AcquireErrorCode, cause?: unknown): void {
    for (const waiter of waiters) this.rejectWaiting(waiter, code, cause);
    this.moveUp();
  }

  protected rejectWaiting(waiter: Waiter<S>, code: AcquireErrorCode = boundOf(waiter), cause?: unknown): void {
    const error = this.refuse(code, waiter.seat, waiter, cause === undefined ? {} : { cause });
    this.turnOut(waiter, error);
  }

  /** Takes a waiter out of the queue and everything else, and rejects it. */
  protected turnOut(waiter: Waiter<S>, error: Error): void {
    this.unqueue(waiter);
    this.#detach(waiter);
    waiter.reject(error);
  }

  /** Whether a waiter at the head has run out of time; it is rejected then, so that no dead call is sent. */
  protected dropIfDead(waiter: Waiter<S>, now: number): boolean {
    const isDead = waiter.key >= 0 && waiter.key <= now;
    if (isDead) this.rejectWaiting(waiter);
    return isDead;
  }

  /** Throws a `RangeError` for a bad argument. */
  protected checkAsk(ask: A): void {
    checkSignal(ask.signal);
    if (ask.timeoutMs !== undefined) checkDuration('timeoutMs', ask.timeoutMs);
    if (ask.deadlineAt !== undefined && ask.deadlineAt !== Infinity) checkFinite('deadlineAt', ask.deadlineAt);
    if (ask.maxHoldMs !== undefined) checkMaxHold(ask.maxHoldMs, this.policy.level);
    if (ask.priority !== undefined) checkFinite('priority', ask.priority);
    if (ask.label !== undefined) checkName('label', ask.label);
  }

  readonly #takeResolver = (resolve: Settle<S>): void => {
    this.#settleWaiter = resolve;
  };

  #wait(seat: S, ask: A): Promise<HeldPermit<S>> {
    const now = this.clock.elapsed();
    const { weight = 1, priority = 0 } = ask;
    const terms = this.toTerms(ask);
    const deadlineOffset = this.clock.toOffset(ask.deadlineAt);
    // The executor stores the resolver, so that a waiter costs no closure.
    const promise = new Promise<HeldPermit<S>>(this.#takeResolver);
    const place = { order: ++this.#arrivals, seat, weight, priority, now, terms, deadlineOffset };
    const waiter = new Waiter(place, this.#settleWaiter);
    this.#settleWaiter = ignore;
    const deadlock = this.watch?.wait(waiter);
    if (deadlock !== undefined && this.#reportDeadlock(waiter, deadlock)) return promise;
    this.#setDeadline(waiter, ask, now);
    if (ask.signal !== undefined) this.signals.add(waiter, ask.signal);
    this.insert(waiter, ask, now);
    this.ledger?.stayAwake();
    return promise;
  }

  #setDeadline(waiter: Waiter<S>, { timeoutMs = Infinity, deadlineAt = Infinity }: A, now: number): void {
    const byTimeout = Math.ceil(now + timeoutMs);
    const byDeadline = Math.floor(now + deadlineAt - this.clock.clock.now() - this.minRunMs);
    const key = Math.min(byTimeout, byDeadline);
    if (key === Infinity) return;
    waiter.key = Math.max(0, key);
    waiter.hasDeadline = byDeadline <= byTimeout;
    this.deadlines.add(waiter, now);
  }

  /** Takes a waiter out of everything but the queue itself. */
  #detach(waiter: Waiter<S>): void {
    this.deadlines.remove(waiter);
    this.signals.remove(waiter);
    this.watch?.stopWaiting(waiter);
  }

  /** Reports a flow that waits for itself. True if the call has been rejected. */
  #reportDeadlock(waiter: Waiter<S>, { tier, holder: record }: Deadlock<S>): boolean {
    const holder = toHolderInfo(record, this.ledger?.ageNow() ?? 0);
    const { seat, terms } = waiter;
    const label = terms?.label;
    const stack = toCallerStack(terms?.trace?.stack);
    this.events.emit('deadlock', () => ({
      tier: tier.type,
      holder,
      waiter: { ...whose(seat, label), ...(stack !== undefined && { stack }) },
    }));
    if (!this.throwsDeadlock) return false;
    this.watch?.stopWaiting(waiter);
    const error = this.refuse('DEADLOCK', seat, waiter, { holders: [holder] });
    error.message = `a call${inQuotes(label)} waits for the ${tier.type} tier while its own flow holds ${describeHolder(holder, true)}`;
    waiter.reject(error);
    return true;
  }

  get #isIdle(): boolean {
    return this.global.held === 0 && this.waiting === 0;
  }
}

/** The code of a waiter whose time is up. */
function boundOf(waiter: { readonly hasDeadline: boolean }): AcquireErrorCode {
  return waiter.hasDeadline ? 'DEADLINE_EXCEEDED' : 'TIMEOUT';
}

function ignore(): void {
  // Stands where no waiter's resolver is stored.
}
