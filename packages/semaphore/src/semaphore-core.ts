import { AcquireError, type AcquireErrorCode, type AcquireErrorDetails } from './acquire-error.ts';
import { type AdaptiveLimit } from './adaptive-limit.ts';
import type { CapacityTier } from './capacity-tier.ts';
import {
  checkCount,
  checkDuration,
  checkFinite,
  checkName,
  checkPositiveInteger,
  checkSignal,
  checkWord,
} from './check-argument.ts';
import { ElapsedClock, systemClock, type Clock } from './clock.ts';
import type { CommonAsk, CommonOptions } from './common-options.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { DeadlockWatch, iterateInFlow, type Flowing } from './deadlock-watch.ts';
import { EventHub } from './event-hub.ts';
import { createFlowContext } from './flow-context.ts';
import { HealthCheck } from './health-check.ts';
import type { HealthReport } from './health-report.ts';
import { toCallerStack, type HoldRecord } from './hold-record.ts';
import { toHoldTerms, type HoldTerms } from './hold-terms.ts';
import type { HolderInfo } from './holder-info.ts';
import { IdleWaits, type DrainOptions } from './idle-waits.ts';
import { checkMaxHold, toHoldPolicy, type HoldPolicy } from './leak-options.ts';
import { Ledger } from './ledger.ts';
import type { HeldPermit, Permit, PermitOwner } from './permit.ts';
import type { RecoveryHost } from './recovery.ts';
import { describeHolder, inQuotes, toRefusalMessage } from './refusal-message.ts';
import type { Seat } from './seat.ts';
import type { RecoveryReport, SemaphoreEvents } from './semaphore-events.ts';
import { SignalList } from './signal-list.ts';
import type { Outcome } from './tier.ts';
import { Waiter, type Settle, type WaiterPlace } from './waiter.ts';

const DEFAULT_MAX_WAITING = 100_000;
const MAX_HOLDERS_IN_ERROR = 8;
/** Bounds and spread of `retryAfterMs`: no stampede, no hammering. */
const RETRY_UNKNOWN_MS = 1000;
const RETRY_MIN_MS = 100;
const RETRY_SPREAD = 0.2;

/** Everything that does not depend on how waiters are ordered: ledger, deadlines, signals, events, lifecycle. */
export abstract class SemaphoreCore<S extends Seat, A extends CommonAsk> {
  protected readonly events: EventHub<SemaphoreEvents> = new EventHub();
  protected readonly clock: ElapsedClock;
  protected readonly policy: HoldPolicy;
  protected readonly ledger: Ledger<S> | undefined;
  protected readonly deadlines: DeadlineTimer<S>;
  protected readonly signals: SignalList<S>;
  protected readonly watch: DeadlockWatch<S> | undefined;
  /** What permits call. Not methods of the semaphore: nobody frees a permit that is not theirs. */
  protected readonly owner: PermitOwner<S> = {
    giveBack: (permit, outcome) => this.giveBack(permit, outcome),
    noteLateRelease: ({ record }) => {
      if (record !== undefined) this.ledger?.recovery.noteLateRelease(record);
    },
    openSignal: (permit) => this.ledger?.openSignal(permit) ?? new AbortController(),
    noteTouch: (permit, note) => this.ledger?.touch(permit, note),
  };
  protected readonly maxWaiting: number;
  protected readonly minRunMs: number;
  protected fence = 0;
  protected arrivals = 0;
  protected isClosed = false;
  private closeReason: unknown = undefined;
  private readonly throwsDeadlock: boolean;
  private readonly idleWaits: IdleWaits;
  private readonly healthCheck: HealthCheck;
  private settleWaiter: Settle<S> = ignore;

  protected constructor(options: CommonOptions) {
    this.clock = new ElapsedClock(options.clock ?? systemClock);
    this.policy = toHoldPolicy(options);
    this.maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
    this.minRunMs = options.minRunMs ?? 0;
    const healthCheckMs = options.healthCheckMs ?? 30_000;
    checkCount('maxWaiting', this.maxWaiting);
    checkDuration('minRunMs', this.minRunMs);
    checkPositiveInteger('healthCheckMs', healthCheckMs);
    const { level } = this.policy;
    this.ledger = level === 'off' ? undefined : new Ledger(this.toRecoveryHost(), this.policy, this.clock);
    this.idleWaits = new IdleWaits(this.clock.clock);
    this.healthCheck = new HealthCheck(this.clock.clock, healthCheckMs, () => this.emitHealth());
    this.deadlines = new DeadlineTimer<S>(this.clock, (waiters) => this.expire(waiters));
    this.signals = new SignalList<S>((waiters, reason) => this.rejectAll(waiters, 'ABORTED', reason));
    const deadlock = options.deadlock ?? (level === 'strict' || level === 'paranoid' ? 'report' : 'off');
    checkWord('deadlock', deadlock, ['off', 'report', 'throw']);
    this.throwsDeadlock = deadlock === 'throw';
    if (deadlock !== 'off') this.watch = createWatch(level);
  }

  /** Calls waiting now. */
  abstract get waiting(): number;
  /** A permit now or not at all; never overtakes a waiter. Throws on a bad argument only. */
  abstract tryAcquire(ask: A): Permit | undefined;
  abstract acquire(ask: A): Promise<Permit>;
  /** State, for dashboards and load balancers. */
  abstract health(): HealthReport;
  protected abstract giveBack(permit: HeldPermit<S>, outcome: Outcome): void;
  protected abstract freeSession(record: HoldRecord<S>): void;
  protected abstract freeShared(record: HoldRecord<S>): void;
  protected abstract get heldCount(): number;
  protected abstract unqueue(waiter: Waiter<S>): void;
  protected abstract pump(): void;
  protected abstract waiters(): Waiter<S>[];
  /** The tier to name in a refusal: the one that was full longest during the wait, or is full now. */
  protected abstract culprit(seat: S, waiter: Waiter<S> | undefined): CapacityTier;

  /** Listens to an event; the returned function stops it. */
  on<K extends keyof SemaphoreEvents>(event: K, listener: (payload: SemaphoreEvents[K]) => void): () => void {
    const off = this.events.on(event, listener);
    if (event === 'health' && !this.isClosed) this.healthCheck.start();
    return off;
  }

  /** Facts about all held permits, oldest first. Empty at leak level `off`. */
  holders(): readonly HolderInfo[] {
    return this.ledger?.holders() ?? [];
  }

  /**
   * Takes back what is proven leaked or lost: signal, grace, reclaim. Never touches a live holder. With `collect` (default: as
   * `leak.forceGc`) a major garbage collection gathers proof first, which stops the process for some milliseconds.
   */
  async recover(options: { collect?: boolean } = {}): Promise<RecoveryReport> {
    const collect = options.collect ?? this.policy.forceGc !== undefined;
    return this.ledger?.recovery.recover(collect) ?? { status: 'success', recovered: 0, remaining: 0 };
  }

  /**
   * Throws if anything is still held after `retries` looks, naming label, age and stack. For the end of tests; collects
   * garbage between looks where the host allows it. @defaultValue 20 looks, 10 ms apart
   */
  async assertNoLeaks(
    options: { retries?: number; delayMs?: number; ignore?: (holder: HolderInfo) => boolean } = {},
  ): Promise<void> {
    const { retries = 20, delayMs = 10, ignore = () => false } = options;
    if (this.ledger === undefined) throw new RangeError('assertNoLeaks needs leak level track or above, got off');
    for (let look = 0; look < retries; look += 1) {
      if (this.holders().every(ignore)) return;
      await pause(this.clock.clock, delayMs);
    }
    await this.ledger.gather(true);
    const left = this.holders().filter((holder) => !ignore(holder));
    if (left.length > 0)
      throw new Error(
        `${left.length} permits still held: ${left.map((holder) => describeHolder(holder, true)).join('; ')}`,
      );
  }

  /** Rejects every waiting call with `ABORTED` and returns how many there were. Holders keep what they hold. */
  cancelAll(reason?: unknown): number {
    const waiters = this.waiters();
    this.rejectAll(waiters, 'ABORTED', reason);
    return waiters.length;
  }

  /** Resolves when nothing is held or waiting. Rejects with `TIMEOUT` or `ABORTED`. */
  drain(options: DrainOptions = {}): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return this.idleWaits.wait(options, () => this.describeHolders());
  }

  /**
   * Refuses new calls and rejects waiting ones with `CLOSED`, then resolves when the last permit is back. With `force` the
   * holders' signals are aborted too, except at leak level `off`, which knows no holders.
   */
  close(options: { reason?: unknown; force?: boolean } = {}): Promise<void> {
    if (!this.isClosed) {
      this.isClosed = true;
      this.closeReason = options.reason;
      this.healthCheck.stop();
      this.rejectAll(this.waiters(), 'CLOSED', options.reason);
    }
    if (options.force === true) this.abortHolders(() => true, 'CLOSED', 'the semaphore was closed');
    return this.drain();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs a task under a granted permit, as a flow of its own where deadlocks are watched. */
  protected async runWith<T>(permit: HeldPermit<S>, task: (permit: Permit) => T | PromiseLike<T>): Promise<T> {
    const flow = this.openFlow(permit);
    try {
      return await (flow === undefined ? task(permit) : flow.enter(() => task(permit)));
    } finally {
      flow?.leave();
      permit.release();
    }
  }

  /** Streams under a permit that is taken at the first read and given back at the end, `return`, throw, or by collection. */
  protected async *streamWith<T>(
    acquire: () => Promise<HeldPermit<S>>,
    source: (permit: Permit) => AsyncIterable<T> | PromiseLike<AsyncIterable<T>>,
  ): AsyncGenerator<T, void, undefined> {
    const permit = await acquire();
    const flow = this.openFlow(permit);
    try {
      yield* flow === undefined ? await source(permit) : iterateInFlow(flow, await flow.enter(() => source(permit)));
    } finally {
      flow?.leave();
      permit.release();
    }
  }

  /** Refuses a call that may not even wait, or undefined. */
  protected refuseEarly(ask: CommonAsk, seat: S): AcquireError | undefined {
    if (this.isClosed) return this.refuse('CLOSED', seat, undefined, { cause: this.closeReason });
    if (ask.signal?.aborted === true) return this.refuse('ABORTED', seat, undefined, { cause: ask.signal.reason });
    if (ask.deadlineAt !== undefined && ask.deadlineAt - this.clock.clock.now() <= this.minRunMs)
      return this.refuse('DEADLINE_EXCEEDED', seat, undefined);
    return undefined;
  }

  /** Puts a call in line. The caller has checked that it may wait. */
  protected enqueue(
    ask: CommonAsk,
    place: WaiterPlace<S>,
    insert: (waiter: Waiter<S>) => void,
  ): Promise<HeldPermit<S>> {
    // The executor stores the resolver, so that a waiter costs no closure.
    const promise = new Promise<HeldPermit<S>>(this.takeResolver);
    const waiter = new Waiter(place, this.settleWaiter);
    this.settleWaiter = ignore;
    const deadlock = this.watch?.wait(waiter);
    if (deadlock !== undefined && this.reportDeadlock(waiter, deadlock.tier, deadlock.holder)) return promise;
    insert(waiter);
    this.setDeadline(waiter, ask, place.now);
    if (ask.signal !== undefined) this.signals.add(waiter, ask.signal);
    this.ledger?.stayAwake();
    return promise;
  }

  /** Takes a waiter out of everything but the queue itself. */
  protected detach(waiter: Waiter<S>): void {
    if (waiter.slot >= 0) this.deadlines.remove(waiter);
    if (waiter.link !== undefined) this.signals.remove(waiter);
    this.watch?.stopWaiting(waiter);
  }

  /** Ends waits with one code, lets those behind move up, and settles a drain. */
  protected rejectAll(waiters: readonly Waiter<S>[], code: AcquireErrorCode, cause?: unknown): void {
    for (const waiter of waiters) this.rejectWaiting(waiter, code, cause);
    this.pump();
    this.settleIdle();
  }

  protected rejectWaiting(waiter: Waiter<S>, code: AcquireErrorCode, cause?: unknown): void {
    const details = cause === undefined ? {} : { cause };
    const error = this.refuse(code, waiter.seat, waiter, details);
    this.unqueue(waiter);
    this.detach(waiter);
    waiter.reject(error);
  }

  /** Whether a waiter at the head has run out of time; it is rejected then, so that no dead call is sent. */
  protected dropIfDead(waiter: Waiter<S>, now: number): boolean {
    if (waiter.key < 0 || waiter.key > now) return false;
    this.rejectWaiting(waiter, waiter.hasDeadline ? 'DEADLINE_EXCEEDED' : 'TIMEOUT');
    return true;
  }

  /** Builds the error of a refusal and counts it. */
  protected refuse(
    code: AcquireErrorCode,
    seat: S,
    waiter: Waiter<S> | undefined,
    details: AcquireErrorDetails = {},
    tier: CapacityTier = this.culprit(seat, waiter),
  ): AcquireError {
    tier.counters.rejected[code] += 1;
    const waitedMs = waiter === undefined ? 0 : this.clock.elapsed() - waiter.enqueuedAt;
    if (this.events.hears('rejected')) this.emitRejected(code, seat, tier, waitedMs, waiter?.terms?.label);
    const retryable = code === 'OVER_CAPACITY' || code === 'TIMEOUT' || code === 'DEADLINE_EXCEEDED' || code === 'SHED';
    const holders = retryable ? this.oldestHolders((other) => sharesTier(other, tier)) : [];
    return new AcquireError(code, toRefusalMessage(code, tier, seat, waitedMs, holders), {
      tier: tier.type,
      ...(seat.provider !== undefined && { provider: seat.provider.id }),
      limit: tier.limit,
      held: tier.held,
      waiting: this.waiting,
      ...(retryable && { retryAfterMs: this.toRetryAfter(seat) }),
      ...(holders.length > 0 && { holders }),
      ...details,
    });
  }

  /** Milliseconds until a newcomer could expect to be granted, unspread; NaN before any release. */
  protected expectedWait(seat: S, ahead: number): number {
    const narrow = seat.provider ?? seat.global;
    const servers = Math.min(narrow.limit, seat.global.limit);
    return (narrow.serviceMs * ahead) / servers;
  }

  /** The terms of a call, its stack included where the level asks for it. */
  protected toTerms(ask: CommonAsk): HoldTerms | undefined {
    const { level, maxHoldMs } = this.policy;
    return toHoldTerms(ask, maxHoldMs, level === 'strict' || level === 'paranoid' ? captureTrace(level) : undefined);
  }

  /** Throws a `RangeError` for a bad argument. */
  protected checkAsk(ask: CommonAsk): void {
    checkSignal(ask.signal);
    if (ask.timeoutMs !== undefined) checkDuration('timeoutMs', ask.timeoutMs);
    if (ask.deadlineAt !== undefined && ask.deadlineAt !== Infinity) checkFinite('deadlineAt', ask.deadlineAt);
    if (ask.maxHoldMs !== undefined) checkMaxHold(ask.maxHoldMs, this.policy.level);
    if (ask.priority !== undefined) checkFinite('priority', ask.priority);
    if (ask.label !== undefined) checkName('label', ask.label);
  }

  /** Lets the outcome of a released permit move an adaptive limit. Called before `held` is lowered. */
  protected adapt(adaptive: AdaptiveLimit, tier: CapacityTier, permit: HeldPermit<S>, outcome: Outcome): void {
    const was = tier.limit;
    const { capacity, held } = tier;
    tier.limit = adaptive.next(outcome, { limit: was, capacity, held, fence: permit.id, lastFence: this.fence });
    if (tier.limit !== was && this.events.hears('limitChanged'))
      this.events.emit('limitChanged', { provider: permit.seat.provider?.id ?? 'none', limit: tier.limit, was });
  }

  protected emitAcquired(permit: HeldPermit<S>): void {
    if (!this.events.hears('acquired')) return;
    this.events.emit('acquired', { ...this.toInfo(permit), waitedMs: permit.waitedMs });
  }

  protected emitReleased(info: HolderInfo, outcome: Outcome): void {
    this.events.emit('released', { ...info, outcome });
  }

  /** The facts of a permit, also at level `off`. */
  protected toInfo(permit: HeldPermit<S>): HolderInfo {
    const { id, seat, weight, terms } = permit;
    const deadlineAt = this.clock.toDeadline(permit.deadlineOffset);
    if (this.ledger !== undefined && permit.record !== undefined) return this.ledger.toInfo(permit.record);
    return {
      id,
      fence: id,
      ...(seat.provider !== undefined && { provider: seat.provider.id }),
      ...(seat.session !== undefined && { session: seat.session.id }),
      ...(terms?.label !== undefined && { label: terms.label }),
      weight,
      ageMs: this.ledger === undefined ? 0 : Math.max(0, this.ledger.ageNow() - permit.grantedAt),
      ...(deadlineAt !== undefined && { deadlineAt }),
      state: 'held',
    };
  }

  /** Aborts the signals of some holders, without taking anything from them. */
  protected abortHolders(matches: (seat: S) => boolean, code: AcquireErrorCode, message: string): void {
    if (this.ledger === undefined) return;
    // A copy: a listener may release.
    for (const record of Array.from(this.ledger.records()))
      if (matches(record.seat)) record.controller?.deref()?.abort(new AcquireError(code, message));
  }

  protected settleIdle(): void {
    if (this.idleWaits.size > 0 && this.isIdle()) this.idleWaits.settle();
  }

  private readonly takeResolver = (resolve: Settle<S>): void => {
    this.settleWaiter = resolve;
  };

  private openFlow(permit: HeldPermit<S>): Flowing | undefined {
    const { watch, ledger } = this;
    return watch === undefined || ledger === undefined ? undefined : watch.open(ledger.toRecord(permit));
  }

  private toRecoveryHost(): RecoveryHost<S> {
    return {
      events: this.events,
      waiting: () => this.waiting,
      freeSession: (record) => this.freeSession(record),
      freeShared: (record) => this.freeShared(record),
      pause: (delayMs) => pause(this.clock.clock, delayMs),
    };
  }

  private describeHolders(): string {
    const held = this.oldestHolders(() => true).map((holder) => describeHolder(holder, false));
    return `${this.heldCount} held, ${this.waiting} waiting${held.length === 0 ? '' : `; ${held.join(', ')}`}`;
  }

  private isIdle(): boolean {
    return this.heldCount === 0 && this.waiting === 0;
  }

  private setDeadline(waiter: Waiter<S>, ask: CommonAsk, now: number): void {
    const byTimeout = ask.timeoutMs === undefined ? Infinity : Math.ceil(now + ask.timeoutMs);
    const byDeadline =
      ask.deadlineAt === undefined
        ? Infinity
        : Math.floor(now + ask.deadlineAt - this.clock.clock.now() - this.minRunMs);
    const key = Math.min(byTimeout, byDeadline);
    if (key === Infinity) return;
    waiter.key = Math.max(0, key);
    waiter.hasDeadline = byDeadline <= byTimeout;
    this.deadlines.add(waiter, now);
  }

  private expire(waiters: readonly Waiter<S>[]): void {
    for (const waiter of waiters) this.rejectWaiting(waiter, waiter.hasDeadline ? 'DEADLINE_EXCEEDED' : 'TIMEOUT');
    this.pump();
    this.settleIdle();
  }

  /** Reports a flow that waits for itself. True if the call has been rejected. */
  private reportDeadlock(waiter: Waiter<S>, tier: CapacityTier, record: HoldRecord<S>): boolean {
    const holder = record.toInfo(this.ledger?.ageNow() ?? 0);
    const { seat, terms } = waiter;
    const stack = toCallerStack(terms?.trace?.stack);
    if (this.events.hears('deadlock'))
      this.events.emit('deadlock', {
        tier: tier.type,
        holder,
        waiter: {
          ...(seat.provider !== undefined && { provider: seat.provider.id }),
          ...(seat.session !== undefined && { session: seat.session.id }),
          ...(terms?.label !== undefined && { label: terms.label }),
          ...(stack !== undefined && { stack }),
        },
      });
    if (!this.throwsDeadlock) return false;
    this.watch?.stopWaiting(waiter);
    const error = this.refuse('DEADLOCK', seat, waiter, { holders: [holder] });
    error.message = `a call${inQuotes(terms?.label)} waits for the ${tier.type} tier while its own flow holds ${describeHolder(holder, true)}`;
    waiter.reject(error);
    return true;
  }

  private emitRejected(code: AcquireErrorCode, seat: S, tier: CapacityTier, waitedMs: number, label?: string): void {
    this.events.emit('rejected', {
      tier: tier.type,
      ...(seat.provider !== undefined && { provider: seat.provider.id }),
      ...(seat.session !== undefined && { session: seat.session.id }),
      ...(label !== undefined && { label }),
      code,
      waitedMs,
    });
  }

  private oldestHolders(matches: (seat: S) => boolean): HolderInfo[] {
    return this.ledger?.oldest(MAX_HOLDERS_IN_ERROR, matches) ?? [];
  }

  private toRetryAfter(seat: S): number {
    const waiting = (seat.provider ?? seat.global).waiting;
    const expected = this.expectedWait(seat, waiting + 1);
    const base = Number.isFinite(expected) ? Math.max(RETRY_MIN_MS, expected) : RETRY_UNKNOWN_MS;
    return Math.round(base * (1 - RETRY_SPREAD + 2 * RETRY_SPREAD * Math.random()));
  }

  private emitHealth(): boolean {
    const isHeard = this.events.hears('health');
    if (isHeard) this.events.emit('health', this.health());
    return isHeard && !this.isClosed;
  }
}

function ignore(): void {
  // Stands where no waiter's resolver is stored.
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.startTimer(resolve, delayMs, true));
}

function createWatch<S extends Seat>(level: string): DeadlockWatch<S> | undefined {
  if (level === 'off') throw new RangeError('deadlock needs leak level track or above, got off');
  const context = createFlowContext();
  return context === undefined ? undefined : new DeadlockWatch<S>(context);
}

function captureTrace(level: 'strict' | 'paranoid'): { stack?: string } {
  const trace: { stack?: string } = {};
  Error.captureStackTrace?.(trace, captureTrace);
  return level === 'paranoid' ? { stack: trace.stack ?? '' } : trace;
}

function sharesTier(seat: Seat, tier: CapacityTier): boolean {
  return seat.global === tier || seat.provider === tier || seat.session === tier;
}
