import { AgeClock } from './age-clock.ts';
import { Alarm } from './alarm.ts';
import type { ElapsedClock } from './clock.ts';
import { finalizersRan, forceGc, usedHeapMb } from './force-gc.ts';
import { HoldRecord, toHolderInfo } from './hold-record.ts';
import type { HolderInfo } from './holder-info.ts';
import type { HoldPolicy } from './leak-options.ts';
import { LinkedList } from './linked-list.ts';
import type { HeldPermit } from './permit.ts';
import { Recovery, type RecoveryHost } from './recovery.ts';
import type { Seat } from './seat.ts';

/** A permit gets its record, its formatted stack and its proof by collection once it has been held this long. */
const SETTLE_MS = 20;
/** Longest time between two sweeps while anything is held. */
const SWEEP_MS = 1000;
/** A fruitless forced collection is followed by a pause of at most this many times `everyMs`. */
const MAX_BACKOFF = 16;

type Pace = 'idle' | 'sweeping' | 'settling';

/**
 * Who holds what since when. New permits are only linked; the first sweep, at most 20 ms later, gives those still held a
 * record and lets go of the permit. So a short hold costs no weak reference, no finalizer and no clock.
 */
export class Ledger<S extends Seat> {
  readonly recovery: Recovery<S>;
  readonly #policy: HoldPolicy;
  readonly #host: RecoveryHost<S>;
  readonly #clock: ElapsedClock;
  readonly #ages: AgeClock;
  readonly #registry: FinalizationRegistry<HoldRecord<S>> | undefined;
  /** Ties a signal to its controller, which a record refers to weakly. */
  readonly #controllers = new WeakMap<AbortSignal, AbortController>();
  /** Permits whose first sweep has not come. */
  readonly #young = new LinkedList<HeldPermit<S>>();
  /** All others, oldest first. */
  readonly #records = new LinkedList<HoldRecord<S>>();
  #pace: Pace = 'idle';
  readonly #alarm: Alarm;
  /** Age clock at the last sweep: what grants are stamped with. */
  #coarse = 0;
  #wakesAt = Infinity;
  #lastReturn = 0;
  #lastGc = -Infinity;
  #gcBackoff = 1;

  constructor(host: RecoveryHost<S>, policy: HoldPolicy, clock: ElapsedClock) {
    this.#host = host;
    this.#policy = policy;
    this.#clock = clock;
    this.#ages = new AgeClock(clock);
    this.#alarm = new Alarm(clock.clock, () => this.#sweep());
    this.recovery = new Recovery(host, policy, this, clock);
    if (policy.level !== 'track')
      this.#registry = new FinalizationRegistry((record) => this.recovery.lose(record, 'gc'));
  }

  /** Takes note of a grant. */
  add(permit: HeldPermit<S>): void {
    if (this.#pace !== 'settling') this.#settleSoon();
    permit.grantedAt = this.#coarse;
    this.#young.push(permit);
    if (this.#policy.level === 'paranoid') this.toRecord(permit);
  }

  /** Takes note of a release. Returns the milliseconds held, exact to a sweep. */
  remove(permit: HeldPermit<S>): number {
    this.#lastReturn = this.#coarse;
    const { record } = permit;
    if (record === undefined) {
      this.#young.remove(permit);
      return this.#coarse - permit.grantedAt;
    }
    this.endRecord(record);
    return this.#ages.now() - permit.grantedAt;
  }

  /** The record of a held permit, made now if its first sweep has not come. */
  toRecord(permit: HeldPermit<S>): HoldRecord<S> {
    if (permit.record !== undefined) return permit.record;
    this.#young.remove(permit);
    const record = new HoldRecord(permit, this.#clock.toDeadline(permit.deadlineOffset));
    this.#setOverdue(record, record.grantedAt);
    if (record.deadlineAt !== undefined)
      record.overdueAt = this.#ages.now() + record.deadlineAt - this.#clock.clock.now();
    permit.record = record;
    this.#records.push(record);
    this.#registry?.register(permit, record, record);
    return record;
  }

  touch(permit: HeldPermit<S>, note: string | undefined): void {
    const record = this.toRecord(permit);
    if (note !== undefined) record.note = note;
    // A deadline is absolute, and what is lost stays lost.
    if (record.loss !== undefined || record.deadlineAt !== undefined) return;
    this.#setOverdue(record, this.#ages.now());
    if (record.state === 'overdue') record.state = 'held';
  }

  openSignal(permit: HeldPermit<S>): AbortController {
    const controller = new AbortController();
    this.#controllers.set(controller.signal, controller);
    const { record } = permit;
    if (record !== undefined) {
      record.controller = new WeakRef(controller);
      if (record.loss !== undefined) controller.abort(this.recovery.toLossError(record));
    }
    return controller;
  }

  /** Facts about everything held, oldest first. */
  holders(): HolderInfo[] {
    return [...this.records()].map((record) => this.toInfo(record));
  }

  /** The oldest holders that pass the filter. */
  oldest(count: number, matches: (seat: S) => boolean): HolderInfo[] {
    const found: HolderInfo[] = [];
    for (const record of this.records()) {
      if (found.length >= count) break;
      if (matches(record.seat) && record.isHeld) found.push(this.toInfo(record));
    }
    return found;
  }

  /** Every record, those of permits without one made on the way. */
  *records(): Generator<HoldRecord<S>> {
    this.#settleYoung();
    yield* this.#records;
  }

  toInfo(record: HoldRecord<S>): HolderInfo {
    return toHolderInfo(record, this.#ages.now());
  }

  ageNow(): number {
    return this.#ages.now();
  }

  /** Makes sure that a sweep comes within this many milliseconds. */
  wakeWithin(delayMs: number): void {
    if (this.#ages.now() + delayMs < this.#wakesAt) this.#plan(delayMs);
  }

  /** A call waits for a permit that is being taken back: the sweep that brings it must not let the process end. */
  stayAwake(): void {
    if (this.recovery.unsettled.size > 0 && this.#wakesAt < Infinity) this.#plan(this.#wakesAt - this.#ages.now());
  }

  /** Takes a record out; its permit has been released or is no longer counted anywhere. */
  endRecord(record: HoldRecord<S>): void {
    this.#registry?.unregister(record);
    this.#records.remove(record);
    this.recovery.noteEnd(record);
  }

  /** Takes back, without grace, what an owner that has ended still holds, and resolves with what that was. */
  async reclaimScope(isOwn: (seat: S) => boolean): Promise<HolderInfo[]> {
    const left = [...this.records()].filter(({ seat, isHeld }) => isHeld && isOwn(seat));
    for (const record of left) this.recovery.lose(record, 'scope', 0);
    const leaked = left.map((record) => this.toInfo(record));
    await this.recovery.settle();
    return leaked;
  }

  /** Gives every permit its record, collects if asked, and waits until finalizers have spoken. */
  async gather(collect: boolean): Promise<void> {
    this.#settleYoung();
    if (!collect || this.#registry === undefined) return;
    for (let round = 0; round < 2; round += 1) {
      // In a turn of its own: what this turn still refers to cannot be collected.
      await finalizersRan();
      if (!forceGc()) return;
      await finalizersRan();
    }
  }

  stop(): void {
    this.#alarm.clear();
    this.#pace = 'idle';
    this.#wakesAt = Infinity;
  }

  #settleSoon(): void {
    this.#coarse = this.#pace === 'idle' ? this.#ages.resume(SETTLE_MS) : this.#ages.advance(SETTLE_MS);
    if (this.#wakesAt > this.#coarse + SETTLE_MS) this.#schedule(SETTLE_MS);
    this.#pace = 'settling';
  }

  #sweep(): void {
    this.#coarse = this.#ages.advance(0);
    this.#wakesAt = Infinity;
    this.#pace = 'sweeping';
    this.#settleYoung();
    let nextDue = Infinity;
    for (const record of this.#records) nextDue = Math.min(nextDue, this.#check(record));
    void this.recovery.settle();
    this.#considerGc();
    // A listener may have been granted a permit meanwhile.
    if (this.#young.head !== undefined) this.#settleSoon();
    else if (this.#records.head === undefined) this.stop();
    else this.#plan(Math.min(SWEEP_MS, Math.max(SETTLE_MS, (nextDue - this.#coarse) / 4)));
  }

  /** Plans the next sweep. Near a due time sweeps come closer together, so that no stop can carry a holder past it. */
  #plan(delayMs: number): void {
    this.#coarse = this.#ages.advance(delayMs);
    this.#schedule(delayMs);
    this.#pace = 'sweeping';
  }

  #schedule(delayMs: number): void {
    this.#wakesAt = this.#coarse + delayMs;
    const isAwaited = this.recovery.unsettled.size > 0 && this.#host.global.waiting > 0;
    this.#alarm.set(Math.max(1, delayMs), isAwaited);
  }

  /** Marks what is due and returns when the record is due next. */
  #check(record: HoldRecord<S>): number {
    const now = this.#coarse;
    if (record.state === 'held' && now >= record.overdueAt) {
      record.state = 'overdue';
      this.#host.events.emit('overdue', () => this.toInfo(record));
    }
    if (record.loss === undefined && now >= record.leaseEndsAt) this.recovery.lose(record, 'lease');
    if (record.loss !== undefined) return record.isHeld ? record.reclaimAt : record.quarantineEndsAt;
    return Math.min(record.state === 'held' ? record.overdueAt : Infinity, record.leaseEndsAt);
  }

  /** A forced collection, when calls starve behind an overdue holder, is the only prompt way to a verdict. */
  #considerGc(): void {
    const { forceGc: settings } = this.#policy;
    if (settings === undefined || this.#registry === undefined || this.#host.global.waiting === 0) return;
    if (this.#coarse - this.#lastReturn < settings.starvedMs) return;
    if (this.#coarse - this.#lastGc < settings.everyMs * this.#gcBackoff || usedHeapMb() > settings.maxHeapMb) return;
    if (![...this.#records].some(({ state }) => state === 'overdue')) return;
    this.#lastGc = this.#coarse;
    const before = this.recovery.proven;
    void this.gather(true).then(() => {
      this.#gcBackoff = this.recovery.proven > before ? 1 : Math.min(MAX_BACKOFF, this.#gcBackoff * 2);
    });
  }

  #setOverdue(record: HoldRecord<S>, since: number): void {
    record.overdueAt = since + this.#policy.overdueMs;
    if (record.maxHoldMs !== undefined) record.leaseEndsAt = since + record.maxHoldMs;
  }

  #settleYoung(): void {
    for (const permit of this.#young) this.toRecord(permit);
  }
}
