import type { AcquireError } from './acquire-error.ts';
import type { AimdOptions } from './adaptive-limit.ts';
import { CapacityTier } from './capacity-tier.ts';
import { checkPositiveInteger, checkWord } from './check-argument.ts';
import { Codel, type ShedOptions } from './codel.ts';
import type { CommonAsk, CommonOptions } from './common-options.ts';
import type { HealthReport } from './health-report.ts';
import { toHealthReport } from './health-summary.ts';
import type { HeldPermit, Permit } from './permit.ts';
import type { Seat } from './seat.ts';
import { SemaphoreCore } from './semaphore-core.ts';
import { toAdaptive } from './semaphore-grants.ts';
import { toTierStats, type TierStats } from './tier-stats.ts';
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
  readonly #seat: Seat;
  readonly #queue = new WaitQueue<Waiter<Seat>>();
  readonly #onFull: FullPolicy;
  readonly #codel: Codel | undefined;
  /** Whether a call without options needs no more than a free permit. */
  readonly #isPlain: boolean;

  /** @throws RangeError for a bad option */
  constructor(options: number | SemaphoreOptions) {
    const settings = typeof options === 'number' ? { capacity: options } : options;
    const { capacity, onFull = 'reject', shed } = settings;
    super(settings, new CapacityTier('global', capacity));
    checkPositiveInteger('capacity', capacity);
    checkWord('onFull', onFull, ['reject', 'evict-oldest', 'evict-lowest']);
    this.#seat = { global: this.global, provider: undefined, session: undefined };
    this.#onFull = onFull;
    this.#codel = shed === undefined ? undefined : new Codel(shed);
    this.global.adaptive = toAdaptive(settings.adaptive);
    this.#isPlain = this.toTerms(NO_OPTIONS) === undefined;
  }

  get capacity(): number {
    return this.global.capacity;
  }

  /** What may be held now: the capacity, or less under an adaptive limit. */
  get limit(): number {
    return this.global.limit;
  }

  get held(): number {
    return this.global.held;
  }

  get available(): number {
    return Math.max(0, this.limit - this.held);
  }

  override tryAcquire(options: AcquireOptions = NO_OPTIONS): Permit | undefined {
    return super.tryAcquire(options);
  }

  /**
   * Waits for a permit. Rejects with an {@link AcquireError}, or with a `RangeError` for a bad argument; never throws.
   */
  override acquire(options?: AcquireOptions): Promise<Permit> {
    return this.#takeFast(options);
  }

  /** Runs a task under a permit, released when its promise settles or it throws. Keeps the caller's async context. */
  async run<T>(task: (permit: Permit) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    return this.runWith(await this.#takeFast(options), task);
  }

  /**
   * Iterates a stream under a permit: acquired at the first read, released at its end, on `return`, on a throw, and when the
   * iterator is abandoned.
   */
  runStream<T>(
    source: (permit: Permit) => AsyncIterable<T> | PromiseLike<AsyncIterable<T>>,
    options?: AcquireOptions,
  ): AsyncIterableIterator<T> {
    return this.streamWith(() => this.#takeFast(options), source);
  }

  /** Sets the capacity. Holders keep what they hold; waiters that could never be granted are rejected with a `RangeError`. */
  resize(capacity: number): void {
    checkPositiveInteger('capacity', capacity);
    this.global.resize(capacity);
    for (const waiter of this.waiters())
      if (waiter.weight > capacity) this.turnOut(waiter, toOverweight(capacity, waiter.weight));
    this.moveUp();
  }

  /** Counters, and the histogram of waits. */
  stats(): TierStats {
    return toTierStats('global', 'none', this.global.counters, [this.global], this.holders()[0]?.ageMs ?? 0);
  }

  override health(): HealthReport {
    return toHealthReport(this.global, [], 0, this.holders(), this.ledger?.recovery.unsettled);
  }

  protected override seatOf(): Seat {
    return this.#seat;
  }

  protected override fitsNow(_seat: Seat, { weight = 1, priority = 0 }: AcquireOptions): boolean {
    const head = this.#queue.peek();
    return (head === undefined || priority > head.priority) && this.#fits(weight);
  }

  protected override grantNow(seat: Seat, ask: AcquireOptions): HeldPermit<Seat> {
    const { weight = 1 } = ask;
    this.global.held += weight;
    return this.toPermit(seat, weight, 0, this.toTerms(ask), this.clock.toOffset(ask.deadlineAt));
  }

  protected override insert(waiter: Waiter<Seat>): void {
    this.#queue.push(waiter);
    this.global.waiting = this.#queue.size;
    // Where the queue is full somebody may have been evicted, perhaps the one that did not fit.
    if (this.#queue.size >= this.maxWaiting) this.pump();
  }

  protected override unqueue(waiter: Waiter<Seat>): void {
    this.#queue.remove(waiter);
    this.global.waiting = this.#queue.size;
  }

  protected override pump(): void {
    for (let head = this.#queue.peek(); head !== undefined && this.#fits(head.weight); head = this.#queue.peek()) {
      const now = this.clock.elapsed();
      const waitedMs = Math.max(0, now - head.enqueuedAt);
      if (this.dropIfDead(head, now)) continue;
      if (this.#codel?.sheds(waitedMs, now) === true) this.rejectWaiting(head, 'SHED');
      else this.#grantWaiting(head, waitedMs);
    }
  }

  protected override waiters(): Waiter<Seat>[] {
    return this.#queue.toArray();
  }

  protected override refuseFull(seat: Seat, { priority = 0 }: AcquireOptions): AcquireError | undefined {
    const { maxWaiting } = this;
    if (this.waiting < maxWaiting) return undefined;
    const victim = this.#findVictim(priority);
    if (victim === undefined) return this.refuse('OVER_CAPACITY', seat, undefined, { maxWaiting });
    this.rejectWaiting(victim, 'OVER_CAPACITY');
    return undefined;
  }

  protected override checkAsk(options: AcquireOptions): void {
    super.checkAsk(options);
    const { weight } = options;
    if (weight === undefined) return;
    checkPositiveInteger('weight', weight, false);
    if (weight > this.capacity) throw toOverweight(this.capacity, weight);
  }

  #takeFast(options: AcquireOptions = NO_OPTIONS): Promise<HeldPermit<Seat>> {
    const isFree = this.#queue.size === 0 && this.global.held < this.global.limit;
    if (!isFree || options !== NO_OPTIONS || !this.#isPlain || this.isClosed) return this.take(options);
    this.global.held += 1;
    return Promise.resolve(this.toPermit(this.#seat, 1, 0, undefined, -1));
  }

  #grantWaiting(waiter: Waiter<Seat>, waitedMs: number): void {
    this.unqueue(waiter);
    this.global.held += waiter.weight;
    this.global.counters.wait.record(waitedMs);
    this.settle(waiter, waiter.weight, waitedMs);
  }

  /** A weight above a lowered limit is let in alone, or it would wait for ever. */
  #fits(weight: number): boolean {
    const { held, limit, capacity } = this.global;
    return held + weight <= limit || (held === 0 && weight <= capacity);
  }

  #findVictim(priority: number): Waiter<Seat> | undefined {
    if (this.#onFull === 'reject') return undefined;
    if (this.#onFull === 'evict-oldest') return this.#queue.heads().sort((a, b) => a.order - b.order)[0];
    const lowest = this.#queue.peekLowest();
    return lowest !== undefined && lowest.priority < priority ? lowest : undefined;
  }
}

function toOverweight(capacity: number, weight: number): RangeError {
  return new RangeError(`weight must not exceed the capacity of ${capacity}, got ${weight}`);
}
