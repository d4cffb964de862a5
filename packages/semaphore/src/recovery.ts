import { Mutex } from 'async-mutex';

import { AcquireError } from './acquire-error.ts';
import type { CapacityTier } from './capacity-tier.ts';
import { pause, type ElapsedClock } from './clock.ts';
import type { EventHub } from './event-hub.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HolderInfo, LossReason } from './holder-info.ts';
import type { HoldPolicy } from './leak-options.ts';
import { describePermit } from './refusal-message.ts';
import { tiersOf, type Seat } from './seat.ts';
import type { RecoveryReport, SemaphoreEvents } from './semaphore-events.ts';
import type { Tier } from './tier.ts';
import type { RecoveryStatus, TierCounters } from './tier-stats.ts';

/** What ledger and recovery need of the semaphore they serve. */
export interface RecoveryHost<S extends Seat> {
  readonly events: EventHub<SemaphoreEvents>;
  readonly global: CapacityTier;
  /** Gives the session's part back and lets waiters in. */
  freeSession(record: HoldRecord<S>): void;
  /** Gives the global and the provider's part back and lets waiters in. */
  freeShared(record: HoldRecord<S>): void;
}

/** What recovery needs of the ledger. */
export interface RecordBook<S extends Seat> {
  ageNow(): number;
  toInfo(record: HoldRecord<S>): HolderInfo;
  wakeWithin(delayMs: number): void;
  endRecord(record: HoldRecord<S>): void;
  gather(collect: boolean): Promise<void>;
}

/** What one round took back, and from where. */
interface Round<S extends Seat> {
  readonly touched: Set<HoldRecord<S>>;
  /** Counters of the tiers that took part. */
  readonly counters: Set<TierCounters>;
  readonly byTier: Record<Tier, number>;
}

/**
 * Takes proven permits back: signal, grace, session tier, quarantine, the rest. Runs under a mutex, since a policy may be
 * asynchronous and two rounds must not ask about one permit; grants and releases never wait for it.
 */
export class Recovery<S extends Seat> {
  /** Permits ever found leaked or lost. */
  proven = 0;
  readonly #mutex = new Mutex();
  readonly #pending = new Set<HoldRecord<S>>();
  readonly #host: RecoveryHost<S>;
  readonly #policy: HoldPolicy;
  readonly #book: RecordBook<S>;
  readonly #clock: ElapsedClock;
  #reclaimedTotal = 0;

  constructor(host: RecoveryHost<S>, policy: HoldPolicy, book: RecordBook<S>, clock: ElapsedClock) {
    this.#host = host;
    this.#policy = policy;
    this.#book = book;
    this.#clock = clock;
  }

  /** Records proven leaked or lost, quarantined ones included. */
  get unsettled(): ReadonlySet<HoldRecord<S>> {
    return this.#pending;
  }

  /** Declares a permit leaked or lost. Its holder, should it live, learns by the signal and gets the grace. */
  lose(record: HoldRecord<S>, reason: LossReason, graceMs: number = this.#policy.graceMs): void {
    if (!record.isHeld || record.loss !== undefined) return;
    record.loss = reason;
    this.proven += 1;
    this.#pending.add(record);
    for (const tier of tiersOf(record.seat)) tier.leaked += record.weight;
    if (reason === 'gc' || reason === 'scope') this.#noteLeak(record, reason);
    const controller = record.controller?.deref();
    controller?.abort(this.toLossError(record));
    this.#planReclaim(record, controller === undefined ? 0 : graceMs);
  }

  toLossError(record: HoldRecord<S>): AcquireError {
    const message = `permit ${describePermit(record)} was lost to its holder (${record.loss ?? 'manual'})`;
    return new AcquireError('LOST', message, { holders: [this.#book.toInfo(record)] });
  }

  /** Does what is due: reclaims after the grace, ends quarantines. */
  async settle(): Promise<void> {
    if (this.#pending.size === 0) return;
    await this.#mutex.runExclusive(async () => {
      const round = newRound<S>();
      // A copy: settling one may end another.
      for (const record of Array.from(this.#pending)) await this.#settleOne(record, round);
      this.#closeRound(round);
    });
  }

  /** One recovery on demand. */
  async recover(collect: boolean): Promise<RecoveryReport> {
    const before = this.#reclaimedTotal;
    await this.#book.gather(collect);
    await this.#outwaitGrace();
    for (const record of this.#pending) if (record.isLost) record.reclaimAt = 0;
    await this.settle();
    const recovered = this.#reclaimedTotal - before;
    const remaining = this.#pending.size;
    return { status: this.#toStatus(recovered), recovered, remaining };
  }

  /** The covered work of a reclaimed permit has settled: nothing keeps it quarantined. */
  noteLateRelease(record: HoldRecord<S>): void {
    for (const tier of tiersOf(record.seat)) tier.counters.lateReleases += 1;
    this.#host.events.emit('lateRelease', () => this.#book.toInfo(record));
    if (record.state !== 'quarantined') return;
    const round = newRound<S>();
    this.#endQuarantine(record, round);
    this.#closeRound(round);
  }

  /** A record left the ledger; if its holder released during the grace, nothing was lost after all. */
  noteEnd(record: HoldRecord<S>): void {
    const wasLate = record.state === 'overdue' || record.loss !== undefined;
    if (record.isLost) for (const tier of tiersOf(record.seat)) tier.leaked -= record.weight;
    this.#pending.delete(record);
    if (record.isHeld && wasLate) this.#host.events.emit('returned', () => this.#book.toInfo(record));
    record.state = 'ended';
  }

  #noteLeak(record: HoldRecord<S>, proof: 'gc' | 'scope'): void {
    record.state = 'leaked';
    for (const tier of tiersOf(record.seat)) tier.counters.leaksDetected += 1;
    this.#host.events.emit('leaked', () => ({ ...this.#book.toInfo(record), proof }));
  }

  #planReclaim(record: HoldRecord<S>, graceMs: number): void {
    // A lease is the user's own order to reclaim; a leak is only reported if the policy says so.
    if (this.#policy.recover === 'report' && record.loss !== 'lease') return;
    record.reclaimAt = this.#book.ageNow() + graceMs;
    if (graceMs === 0) void this.settle();
    else this.#book.wakeWithin(graceMs);
  }

  async #settleOne(record: HoldRecord<S>, round: Round<S>): Promise<void> {
    const now = this.#book.ageNow();
    if (record.state === 'quarantined') {
      if (now >= record.quarantineEndsAt) this.#endQuarantine(record, round);
      return;
    }
    if (!record.isLost || now < record.reclaimAt) return;
    const isAllowed = record.loss === 'lease' || (await this.#asksToReclaim(record));
    if (!isAllowed) record.reclaimAt = Infinity;
    // The holder may have released while the policy was thinking.
    else if (record.isLost) this.#reclaim(record, round);
  }

  async #asksToReclaim(record: HoldRecord<S>): Promise<boolean> {
    const { recover } = this.#policy;
    if (typeof recover !== 'function') return true;
    try {
      return await recover(this.#book.toInfo(record));
    } catch {
      return false;
    }
  }

  #reclaim(record: HoldRecord<S>, round: Round<S>): void {
    const { quarantineMs } = this.#policy;
    const { seat } = record;
    record.state = 'quarantined';
    record.quarantineEndsAt = this.#book.ageNow() + quarantineMs;
    this.#reclaimedTotal += 1;
    round.touched.add(record);
    for (const { counters } of tiersOf(seat)) round.counters.add(counters);
    this.#host.events.emit('reclaimed', () => ({
      ...this.#book.toInfo(record),
      reason: record.loss ?? 'manual',
      quarantined: quarantineMs > 0,
    }));
    if (seat.session !== undefined) {
      noteFreed(round, record, [seat.session]);
      this.#host.freeSession(record);
    }
    if (quarantineMs === 0) this.#endQuarantine(record, round);
    else this.#book.wakeWithin(quarantineMs);
  }

  #endQuarantine(record: HoldRecord<S>, round: Round<S>): void {
    noteFreed(
      round,
      record,
      tiersOf(record.seat).filter(({ type }) => type !== 'session'),
    );
    record.state = 'ended';
    this.#book.endRecord(record);
    this.#host.freeShared(record);
  }

  /** Counts and reports a round in which something came back. Nothing to recover counts nothing. */
  #closeRound({ touched, counters, byTier }: Round<S>): void {
    const recovered = touched.size;
    if (recovered === 0) return;
    const status = this.#toStatus(recovered);
    for (const each of counters) each.recoveries[status] += 1;
    this.#host.events.emit('recovered', () => ({ status, recovered, remaining: this.#pending.size, byTier }));
  }

  #toStatus(recovered: number): RecoveryStatus {
    if (this.#pending.size === 0) return 'success';
    const isUnderWay = [...this.#pending].some(({ state }) => state === 'quarantined');
    return recovered > 0 || isUnderWay ? 'partial' : 'failed';
  }

  async #outwaitGrace(): Promise<void> {
    for (;;) {
      const due = [...this.#pending].filter((record) => record.isLost && record.reclaimAt !== Infinity);
      const graceLeft = Math.max(0, ...due.map(({ reclaimAt }) => reclaimAt - this.#book.ageNow()));
      if (graceLeft === 0) return;
      await pause(this.#clock.clock, graceLeft);
    }
  }
}

function newRound<S extends Seat>(): Round<S> {
  return { touched: new Set(), counters: new Set(), byTier: { global: 0, provider: 0, session: 0 } };
}

/** Notes that a record's part in some tiers has come back. */
function noteFreed<S extends Seat>(round: Round<S>, record: HoldRecord<S>, tiers: readonly CapacityTier[]): void {
  round.touched.add(record);
  for (const tier of tiers) {
    tier.leaked -= record.weight;
    tier.counters.recovered += 1;
    round.byTier[tier.type] += 1;
    round.counters.add(tier.counters);
  }
}
