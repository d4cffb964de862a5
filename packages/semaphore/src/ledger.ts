import { AgeClock } from './age-clock.ts';
import { MAX_TIMER_MS } from './check-argument.ts';
import type { ElapsedClock } from './clock.ts';
import { finalizersRan, forceGc, usedHeapMb } from './force-gc.ts';
import { HoldRecord } from './hold-record.ts';
import type { HolderInfo } from './holder-info.ts';
import type { HoldPolicy } from './leak-options.ts';
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
  private readonly policy: HoldPolicy;
  private readonly host: RecoveryHost<S>;
  private readonly clock: ElapsedClock;
  private readonly ages: AgeClock;
  private readonly registry: FinalizationRegistry<HoldRecord<S>> | undefined;
  /** Ties a signal to its controller, which a record refers to weakly. */
  private readonly controllers = new WeakMap<AbortSignal, AbortController>();
  private youngHead: HeldPermit<S> | undefined = undefined;
  private youngTail: HeldPermit<S> | undefined = undefined;
  private head: HoldRecord<S> | undefined = undefined;
  private tail: HoldRecord<S> | undefined = undefined;
  private pace: Pace = 'idle';
  private cancelTimer: (() => void) | undefined = undefined;
  /** Age clock at the last sweep: what grants are stamped with. */
  private coarse = 0;
  private wakesAt = Infinity;
  private lastReturn = 0;
  private lastGc = -Infinity;
  private gcBackoff = 1;

  constructor(host: RecoveryHost<S>, policy: HoldPolicy, clock: ElapsedClock) {
    this.host = host;
    this.policy = policy;
    this.clock = clock;
    this.ages = new AgeClock(clock);
    this.recovery = new Recovery(host, policy, this);
    if (policy.level !== 'track')
      this.registry = new FinalizationRegistry((record) => this.recovery.lose(record, 'gc'));
  }

  /** Takes note of a grant. */
  add(permit: HeldPermit<S>): void {
    if (this.pace !== 'settling') this.settleSoon();
    permit.grantedAt = this.coarse;
    const { youngTail } = this;
    permit.prev = youngTail;
    if (youngTail === undefined) this.youngHead = permit;
    else youngTail.next = permit;
    this.youngTail = permit;
    if (this.policy.level === 'paranoid') this.toRecord(permit);
  }

  /** Takes note of a release. Returns the milliseconds held, exact to a sweep. */
  remove(permit: HeldPermit<S>): number {
    this.lastReturn = this.coarse;
    const { record } = permit;
    if (record === undefined) {
      this.unlinkYoung(permit);
      return this.coarse - permit.grantedAt;
    }
    this.endRecord(record);
    return this.ages.now() - permit.grantedAt;
  }

  /** The record of a held permit, made now if its first sweep has not come. */
  toRecord(permit: HeldPermit<S>): HoldRecord<S> {
    if (permit.record !== undefined) return permit.record;
    this.unlinkYoung(permit);
    const record = new HoldRecord(permit, this.clock.toDeadline(permit.deadlineOffset));
    this.setOverdue(record, record.grantedAt);
    if (record.deadlineAt !== undefined)
      record.overdueAt = this.ages.now() + record.deadlineAt - this.clock.clock.now();
    permit.record = record;
    record.prev = this.tail;
    if (this.tail === undefined) this.head = record;
    else this.tail.next = record;
    this.tail = record;
    this.registry?.register(permit, record, record);
    return record;
  }

  touch(permit: HeldPermit<S>, note: string | undefined): void {
    const record = this.toRecord(permit);
    if (note !== undefined) record.note = note;
    // A deadline is absolute, and what is lost stays lost.
    if (record.loss !== undefined || record.deadlineAt !== undefined) return;
    this.setOverdue(record, this.ages.now());
    if (record.state === 'overdue') record.state = 'held';
  }

  openSignal(permit: HeldPermit<S>): AbortController {
    const controller = new AbortController();
    this.controllers.set(controller.signal, controller);
    const { record } = permit;
    if (record !== undefined) {
      record.controller = new WeakRef(controller);
      if (record.loss !== undefined) controller.abort(this.recovery.toLossError(record));
    }
    return controller;
  }

  /** Facts about everything held, oldest first. */
  holders(): HolderInfo[] {
    const now = this.ages.now();
    return [...this.records()].map((record) => record.toInfo(now));
  }

  /** The oldest holders that pass the filter. */
  oldest(count: number, matches: (seat: S) => boolean): HolderInfo[] {
    const now = this.ages.now();
    const found: HolderInfo[] = [];
    for (const record of this.records()) {
      if (found.length >= count) break;
      if (matches(record.seat) && record.isHeld) found.push(record.toInfo(now));
    }
    return found;
  }

  /** Every record, those of permits without one made on the way. */
  *records(): Generator<HoldRecord<S>> {
    this.settleYoung();
    for (let record = this.head; record !== undefined; record = record.next) yield record;
  }

  toInfo(record: HoldRecord<S>): HolderInfo {
    return record.toInfo(this.ages.now());
  }

  ageNow(): number {
    return this.ages.now();
  }

  /** Makes sure that a sweep comes within this many milliseconds. */
  wakeWithin(delayMs: number): void {
    if (this.ages.now() + delayMs < this.wakesAt) this.plan(delayMs);
  }

  /** A call waits for a permit that is being taken back: the sweep that brings it must not let the process end. */
  stayAwake(): void {
    if (this.recovery.unsettled.size > 0 && this.wakesAt < Infinity) this.plan(this.wakesAt - this.ages.now());
  }

  /** Takes a record out; its permit has been released or is no longer counted anywhere. */
  endRecord(record: HoldRecord<S>): void {
    this.registry?.unregister(record);
    const { prev, next } = record;
    if (prev === undefined) this.head = next;
    else prev.next = next;
    if (next === undefined) this.tail = prev;
    else next.prev = prev;
    record.prev = undefined;
    record.next = undefined;
    this.recovery.noteEnd(record);
  }

  /** Gives every permit its record, collects if asked, and waits until finalizers have spoken. */
  async gather(collect: boolean): Promise<void> {
    this.settleYoung();
    if (!collect || this.registry === undefined) return;
    for (let round = 0; round < 2; round += 1) {
      // In a turn of its own: what this turn still refers to cannot be collected.
      await finalizersRan();
      if (!forceGc()) return;
      await finalizersRan();
    }
  }

  stop(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.pace = 'idle';
    this.wakesAt = Infinity;
  }

  private settleSoon(): void {
    this.coarse = this.pace === 'idle' ? this.ages.resume(SETTLE_MS) : this.ages.advance(SETTLE_MS);
    if (this.wakesAt > this.coarse + SETTLE_MS) this.schedule(SETTLE_MS);
    this.pace = 'settling';
  }

  private sweep(): void {
    this.coarse = this.ages.advance(0);
    this.cancelTimer = undefined;
    this.wakesAt = Infinity;
    this.pace = 'sweeping';
    this.settleYoung();
    let nextDue = Infinity;
    for (let record = this.head; record !== undefined; record = record.next)
      nextDue = Math.min(nextDue, this.check(record));
    void this.recovery.settle();
    this.considerGc();
    // A listener may have been granted a permit meanwhile.
    if (this.youngHead !== undefined) this.settleSoon();
    else if (this.head === undefined) this.stop();
    else this.plan(Math.min(SWEEP_MS, Math.max(SETTLE_MS, (nextDue - this.coarse) / 4)));
  }

  /** Plans the next sweep. Near a due time sweeps come closer together, so that no stop can carry a holder past it. */
  private plan(delayMs: number): void {
    this.coarse = this.ages.advance(delayMs);
    this.schedule(delayMs);
    this.pace = 'sweeping';
  }

  private schedule(delayMs: number): void {
    this.cancelTimer?.();
    this.wakesAt = this.coarse + delayMs;
    const isAwaited = this.recovery.unsettled.size > 0 && this.host.waiting() > 0;
    const timerMs = Math.min(MAX_TIMER_MS, Math.max(1, Math.ceil(delayMs)));
    this.cancelTimer = this.clock.clock.startTimer(() => this.sweep(), timerMs, isAwaited);
  }

  /** Marks what is due and returns when the record is due next. */
  private check(record: HoldRecord<S>): number {
    const now = this.coarse;
    if (record.state === 'held' && now >= record.overdueAt) {
      record.state = 'overdue';
      if (this.host.events.hears('overdue')) this.host.events.emit('overdue', this.toInfo(record));
    }
    if (record.loss === undefined && now >= record.leaseEndsAt) this.recovery.lose(record, 'lease');
    if (record.loss !== undefined) return record.isHeld ? record.reclaimAt : record.quarantineEndsAt;
    return Math.min(record.state === 'held' ? record.overdueAt : Infinity, record.leaseEndsAt);
  }

  /** A forced collection, when calls starve behind an overdue holder, is the only prompt way to a verdict. */
  private considerGc(): void {
    const { forceGc: settings } = this.policy;
    if (settings === undefined || this.registry === undefined || this.host.waiting() === 0) return;
    if (this.coarse - this.lastReturn < settings.starvedMs) return;
    if (this.coarse - this.lastGc < settings.everyMs * this.gcBackoff || usedHeapMb() > settings.maxHeapMb) return;
    if (!this.hasOverdue()) return;
    this.lastGc = this.coarse;
    const before = this.recovery.proven;
    void this.gather(true).then(() => {
      this.gcBackoff = this.recovery.proven > before ? 1 : Math.min(MAX_BACKOFF, this.gcBackoff * 2);
    });
  }

  private hasOverdue(): boolean {
    for (let record = this.head; record !== undefined; record = record.next)
      if (record.state === 'overdue') return true;
    return false;
  }

  private setOverdue(record: HoldRecord<S>, since: number): void {
    record.overdueAt = since + this.policy.overdueMs;
    if (record.maxHoldMs !== undefined) record.leaseEndsAt = since + record.maxHoldMs;
  }

  private settleYoung(): void {
    for (let permit = this.youngHead; permit !== undefined; permit = this.youngHead) this.toRecord(permit);
  }

  private unlinkYoung(permit: HeldPermit<S>): void {
    const { prev, next } = permit;
    if (prev === undefined) this.youngHead = next;
    else prev.next = next;
    if (next === undefined) this.youngTail = prev;
    else next.prev = prev;
    permit.prev = undefined;
    permit.next = undefined;
  }
}
