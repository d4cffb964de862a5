import { AdaptiveLimit, type AimdOptions } from './adaptive-limit.ts';
import { CapacityTier } from './capacity-tier.ts';
import { checkPositiveInteger, checkWord } from './check-argument.ts';
import { Codel, type ShedOptions } from './codel.ts';
import type { CommonAsk, CommonOptions } from './common-options.ts';
import type { HealthReport } from './health-report.ts';
import { toHealthReport } from './health-summary.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HoldTerms } from './hold-terms.ts';
import { HeldPermit, type Permit } from './permit.ts';
import type { Seat } from './seat.ts';
import { SemaphoreCore } from './semaphore-core.ts';
import type { Outcome } from './tier.ts';
import { TierCounters, toTierStats, type TierStats } from './tier-stats.ts';
import { WaitQueue } from './wait-queue.ts';
import type { Waiter } from './waiter.ts';

/** What one call asks of a {@link Semaphore}. */
export interface AcquireOptions extends CommonAsk {
  /** Permits taken at once, all or none. More than the capacity is a `RangeError`. @defaultValue 1 */
  weight?: number;
}

/** Who goes when the queue is full: the newcomer, the oldest waiter, or the newest of the lowest priority. */
export type FullPolicy = 'reject' | 'evict-oldest' | 'evict-lowest';

/** Options of a {@link Semaphore}. */
export interface SemaphoreOptions extends CommonOptions {
  /** Permits that may be held at once; `Infinity` only counts. */
  capacity: number;
  /** Evicted calls are rejected with `OVER_CAPACITY`. @defaultValue 'reject' */
  onFull?: FullPolicy;
  /** @defaultValue off */
  shed?: ShedOptions;
  /** Lets `release('overload')` lower the limit and clean releases raise it again. @defaultValue false */
  adaptive?: boolean | AimdOptions;
}

const NO_OPTIONS: AcquireOptions = {};

/**
 * One pool of permits. First come, first served within a priority; a waiter whose weight does not fit yet is not overtaken by
 * a lighter one. Grants and releases are synchronous: at no instant is more held than the limit.
 */
export class Semaphore extends SemaphoreCore<Seat, AcquireOptions> {
  private readonly pool: CapacityTier;
  private readonly seat: Seat;
  private readonly queue = new WaitQueue<Waiter<Seat>>();
  private readonly onFull: FullPolicy;
  private readonly codel: Codel | undefined;
  /** Whether a call without options needs no more than a free permit. */
  private readonly isPlain: boolean;

  /** @throws RangeError for a bad option */
  constructor(options: number | SemaphoreOptions) {
    const settings = typeof options === 'number' ? { capacity: options } : options;
    super(settings);
    checkPositiveInteger('capacity', settings.capacity);
    this.pool = new CapacityTier('global', settings.capacity, new TierCounters());
    this.seat = { global: this.pool, provider: undefined, session: undefined };
    this.onFull = settings.onFull ?? 'reject';
    checkWord('onFull', this.onFull, ['reject', 'evict-oldest', 'evict-lowest']);
    this.codel = settings.shed === undefined ? undefined : new Codel(settings.shed);
    this.pool.adaptive = toAdaptive(settings.adaptive);
    this.isPlain = this.toTerms(NO_OPTIONS) === undefined;
  }

  get capacity(): number {
    return this.pool.capacity;
  }

  /** What may be held now: the capacity, or less under an adaptive limit. */
  get limit(): number {
    return this.pool.limit;
  }

  get held(): number {
    return this.pool.held;
  }

  get available(): number {
    return Math.max(0, this.pool.limit - this.pool.held);
  }

  override get waiting(): number {
    return this.queue.size;
  }

  override tryAcquire(options: AcquireOptions = NO_OPTIONS): Permit | undefined {
    this.checkOptions(options);
    const { weight = 1, priority = 0 } = options;
    if (!this.fitsNow(weight, priority)) return undefined;
    return this.refuseEarly(options, this.seat) === undefined
      ? this.grant(weight, 0, this.toTerms(options), this.clock.toOffset(options.deadlineAt))
      : undefined;
  }

  /**
   * Waits for a permit. Rejects with an {@link AcquireError}, or with a `RangeError` for a bad argument; never throws.
   */
  override acquire(options?: AcquireOptions): Promise<Permit> {
    return this.take(options);
  }

  /** Runs a task under a permit, released when its promise settles or it throws. Keeps the caller's async context. */
  async run<T>(task: (permit: Permit) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    return this.runWith(await this.take(options), task);
  }

  /**
   * Iterates a stream under a permit: acquired at the first read, released at its end, on `return`, on a throw, and when the
   * iterator is abandoned.
   */
  runStream<T>(
    source: (permit: Permit) => AsyncIterable<T> | PromiseLike<AsyncIterable<T>>,
    options?: AcquireOptions,
  ): AsyncIterableIterator<T> {
    return this.streamWith(() => this.take(options), source);
  }

  /** Sets the capacity. Holders keep what they hold; waiters that could never be granted are rejected with a `RangeError`. */
  resize(capacity: number): void {
    checkPositiveInteger('capacity', capacity);
    this.pool.resize(capacity);
    for (const waiter of this.waiters()) if (waiter.weight > capacity) this.rejectOverweight(waiter);
    this.pump();
    this.settleIdle();
  }

  /** Counters, and the histogram of waits. */
  stats(): TierStats {
    const { capacity, limit, held, leaked, counters } = this.pool;
    const oldestHoldMs = this.holders()[0]?.ageMs ?? 0;
    return toTierStats('global', 'none', counters, {
      capacity,
      limit,
      held,
      waiting: this.waiting,
      leaked,
      oldestHoldMs,
    });
  }

  override health(): HealthReport {
    return toHealthReport(this.pool, [], 0, this.holders(), this.ledger?.recovery.unsettled);
  }

  protected override giveBack(permit: HeldPermit<Seat>, outcome: Outcome): void {
    const { pool } = this;
    const info = this.events.active && this.events.hears('released') ? this.toInfo(permit) : undefined;
    if (this.ledger !== undefined) pool.noteService(this.ledger.remove(permit));
    if (pool.adaptive !== undefined) this.adapt(pool.adaptive, pool, permit, outcome);
    pool.counters.released += 1;
    pool.held -= permit.weight;
    if (info !== undefined) this.emitReleased(info, outcome);
    if (this.queue.size > 0) this.pump();
    else this.settleIdle();
  }

  /** A plain semaphore has no session tier. */
  protected override freeSession(): void {}

  protected override freeShared(record: HoldRecord<Seat>): void {
    this.pool.held -= record.weight;
    this.pump();
    this.settleIdle();
  }

  protected override get heldCount(): number {
    return this.pool.held;
  }

  protected override unqueue(waiter: Waiter<Seat>): void {
    this.queue.remove(waiter);
    this.pool.waiting = this.queue.size;
  }

  protected override pump(): void {
    const { queue, pool } = this;
    for (let head = queue.peek(); head !== undefined && this.fits(head.weight); head = queue.peek()) {
      const now = this.clock.elapsed();
      if (this.dropIfDead(head, now)) continue;
      const waitedMs = Math.max(0, now - head.enqueuedAt);
      if (this.codel?.sheds(waitedMs, now) === true) {
        this.rejectWaiting(head, 'SHED');
        continue;
      }
      this.unqueue(head);
      this.detach(head);
      pool.counters.wait.record(waitedMs);
      head.settle(this.grant(head.weight, waitedMs, head.terms, head.deadlineOffset));
    }
  }

  protected override waiters(): Waiter<Seat>[] {
    return this.queue.toArray();
  }

  protected override culprit(): CapacityTier {
    return this.pool;
  }

  private take(options: AcquireOptions | undefined): Promise<HeldPermit<Seat>> {
    if (
      options === undefined &&
      this.isPlain &&
      !this.isClosed &&
      this.queue.size === 0 &&
      this.pool.held < this.pool.limit
    )
      return Promise.resolve(this.grant(1, 0, undefined, -1));
    return this.acquireBy(options ?? NO_OPTIONS);
  }

  private acquireBy(options: AcquireOptions): Promise<HeldPermit<Seat>> {
    try {
      this.checkOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const refusal = this.refuseEarly(options, this.seat);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { weight = 1, priority = 0 } = options;
    const terms = this.toTerms(options);
    const deadlineOffset = this.clock.toOffset(options.deadlineAt);
    if (this.fitsNow(weight, priority)) return Promise.resolve(this.grant(weight, 0, terms, deadlineOffset));
    if (options.timeoutMs === 0) return Promise.reject(this.refuse('TIMEOUT', this.seat, undefined));
    const isFull = this.queue.size >= this.maxWaiting;
    if (isFull && !this.makeRoom(priority)) return Promise.reject(this.refuseFull());
    const now = this.clock.elapsed();
    const place = { order: ++this.arrivals, seat: this.seat, weight, priority, now, terms, deadlineOffset };
    const promise = this.enqueue(options, place, this.insert);
    // Whoever was evicted may have been the one that did not fit.
    if (isFull) this.pump();
    return promise;
  }

  private readonly insert = (waiter: Waiter<Seat>): void => {
    this.queue.push(waiter);
    this.pool.waiting = this.queue.size;
  };

  private grant(
    weight: number,
    waitedMs: number,
    terms: HoldTerms | undefined,
    deadlineOffset: number,
  ): HeldPermit<Seat> {
    const { pool } = this;
    pool.held += weight;
    pool.counters.granted += 1;
    const permit = new HeldPermit<Seat>(this.owner, this.seat, ++this.fence, weight, waitedMs, terms);
    if (deadlineOffset >= 0) permit.deadlineOffset = deadlineOffset;
    if (this.ledger !== undefined) this.ledger.add(permit);
    if (this.events.active) this.emitAcquired(permit);
    return permit;
  }

  private checkOptions(options: AcquireOptions): void {
    this.checkAsk(options);
    const { weight } = options;
    if (weight === undefined) return;
    checkPositiveInteger('weight', weight, false);
    if (weight > this.pool.capacity)
      throw new RangeError(`weight must not exceed the capacity of ${this.pool.capacity}, got ${weight}`);
  }

  /** Whether a newcomer may go ahead without overtaking anybody. */
  private fitsNow(weight: number, priority: number): boolean {
    const head = this.queue.peek();
    return (head === undefined || priority > head.priority) && this.fits(weight);
  }

  /** A weight above a lowered limit is let in alone, or it would wait for ever. */
  private fits(weight: number): boolean {
    const { held, limit } = this.pool;
    return held + weight <= limit || (held === 0 && weight <= this.pool.capacity);
  }

  private makeRoom(priority: number): boolean {
    const victim = this.findVictim(priority);
    if (victim === undefined) return false;
    this.rejectWaiting(victim, 'OVER_CAPACITY');
    return true;
  }

  private findVictim(priority: number): Waiter<Seat> | undefined {
    if (this.onFull === 'reject') return undefined;
    if (this.onFull === 'evict-oldest') return [...this.queue.heads()].sort((a, b) => a.order - b.order)[0];
    const lowest = this.queue.peekLowest();
    return lowest !== undefined && lowest.priority < priority ? lowest : undefined;
  }

  private refuseFull(): Error {
    return this.refuse('OVER_CAPACITY', this.seat, undefined, { maxWaiting: this.maxWaiting });
  }

  private rejectOverweight(waiter: Waiter<Seat>): void {
    this.unqueue(waiter);
    this.detach(waiter);
    waiter.reject(new RangeError(`weight must not exceed the capacity of ${this.pool.capacity}, got ${waiter.weight}`));
  }
}

/** The adaptive limit an option asks for. */
export function toAdaptive(option: boolean | AimdOptions | undefined): AdaptiveLimit | undefined {
  if (option === undefined || option === false) return undefined;
  return new AdaptiveLimit(option === true ? {} : option);
}
