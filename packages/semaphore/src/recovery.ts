import { Mutex } from 'async-mutex';

import { AcquireError } from './acquire-error.ts';
import type { EventHub } from './event-hub.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HolderInfo, LossReason } from './holder-info.ts';
import type { HoldPolicy } from './leak-options.ts';
import type { Seat } from './seat.ts';
import type { RecoveryReport, SemaphoreEvents } from './semaphore-events.ts';
import type { Tier } from './tier.ts';
import type { RecoveryStatus, TierCounters } from './tier-stats.ts';

/** What ledger and recovery need of the semaphore they serve. */
export interface RecoveryHost<S extends Seat> {
  readonly events: EventHub<SemaphoreEvents>;
  waiting(): number;
  /** Gives the session's part back and lets waiters in. */
  freeSession(record: HoldRecord<S>): void;
  /** Gives the global and the provider's part back and lets waiters in. */
  freeShared(record: HoldRecord<S>): void;
  /** Resolves after a time of the semaphore's clock. */
  pause(delayMs: number): Promise<void>;
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
  readonly reclaimed: Set<HoldRecord<S>>;
  readonly freed: Set<HoldRecord<S>>;
}

/**
 * Takes proven permits back: signal, grace, session tier, quarantine, the rest. Runs under a mutex, since a policy may be
 * asynchronous and two rounds must not ask about one permit; grants and releases never wait for it.
 */
export class Recovery<S extends Seat> {
  /** Permits ever found leaked or lost. */
  proven = 0;
  private readonly mutex = new Mutex();
  private readonly pending = new Set<HoldRecord<S>>();
  private readonly host: RecoveryHost<S>;
  private readonly policy: HoldPolicy;
  private readonly book: RecordBook<S>;
  private reclaimedTotal = 0;

  constructor(host: RecoveryHost<S>, policy: HoldPolicy, book: RecordBook<S>) {
    this.host = host;
    this.policy = policy;
    this.book = book;
  }

  /** Records proven leaked or lost, quarantined ones included. */
  get unsettled(): ReadonlySet<HoldRecord<S>> {
    return this.pending;
  }

  /** Declares a permit leaked or lost. Its holder, should it live, learns by the signal and gets the grace. */
  lose(record: HoldRecord<S>, reason: LossReason, graceMs: number = this.policy.graceMs): void {
    if (!record.isHeld || record.loss !== undefined) return;
    record.loss = reason;
    this.proven += 1;
    this.pending.add(record);
    for (const tier of tiersOf(record.seat)) tier.leaked += record.weight;
    if (reason === 'gc' || reason === 'scope') this.noteLeak(record, reason);
    const controller = record.controller?.deref();
    controller?.abort(this.toLossError(record));
    this.planReclaim(record, controller === undefined ? 0 : graceMs);
  }

  toLossError(record: HoldRecord<S>): AcquireError {
    const what = record.label === undefined ? `permit #${record.id}` : `permit #${record.id} "${record.label}"`;
    return new AcquireError('LOST', `${what} was lost to its holder (${record.loss ?? 'manual'})`, {
      holders: [this.book.toInfo(record)],
    });
  }

  /** Does what is due: reclaims after the grace, ends quarantines. */
  async settle(): Promise<void> {
    if (this.pending.size === 0) return;
    await this.mutex.runExclusive(async () => {
      const round = newRound<S>();
      // A copy: settling one may end another.
      for (const record of Array.from(this.pending)) await this.settleOne(record, round);
      this.closeRound(round);
    });
  }

  /** One recovery on demand. */
  async recover(collect: boolean): Promise<RecoveryReport> {
    const before = this.reclaimedTotal;
    await this.book.gather(collect);
    await this.outwaitGrace();
    for (const record of this.pending) if (record.isLost) record.reclaimAt = 0;
    await this.settle();
    const recovered = this.reclaimedTotal - before;
    const remaining = this.pending.size;
    return { status: this.toStatus(recovered), recovered, remaining };
  }

  /** The covered work of a reclaimed permit has settled: nothing keeps it quarantined. */
  noteLateRelease(record: HoldRecord<S>): void {
    for (const tier of tiersOf(record.seat)) tier.counters.lateReleases += 1;
    if (this.host.events.hears('lateRelease')) this.host.events.emit('lateRelease', this.book.toInfo(record));
    if (record.state !== 'quarantined') return;
    const round = newRound<S>();
    this.endQuarantine(record, round);
    this.closeRound(round);
  }

  /** A record left the ledger; if its holder released during the grace, nothing was lost after all. */
  noteEnd(record: HoldRecord<S>): void {
    const wasLate = record.state === 'overdue' || record.loss !== undefined;
    const isReturned = record.isHeld;
    if (isReturned && record.loss !== undefined) for (const tier of tiersOf(record.seat)) tier.leaked -= record.weight;
    this.pending.delete(record);
    if (isReturned && wasLate && this.host.events.hears('returned'))
      this.host.events.emit('returned', this.book.toInfo(record));
    record.state = 'ended';
  }

  private noteLeak(record: HoldRecord<S>, proof: 'gc' | 'scope'): void {
    record.state = 'leaked';
    for (const tier of tiersOf(record.seat)) tier.counters.leaksDetected += 1;
    if (this.host.events.hears('leaked')) this.host.events.emit('leaked', { ...this.book.toInfo(record), proof });
  }

  private planReclaim(record: HoldRecord<S>, graceMs: number): void {
    // A lease is the user's own order to reclaim; a leak is only reported if the policy says so.
    if (this.policy.recover === 'report' && record.loss !== 'lease') return;
    record.reclaimAt = this.book.ageNow() + graceMs;
    if (graceMs === 0) void this.settle();
    else this.book.wakeWithin(graceMs);
  }

  private async settleOne(record: HoldRecord<S>, round: Round<S>): Promise<void> {
    const now = this.book.ageNow();
    if (record.state === 'quarantined') {
      if (now >= record.quarantineEndsAt) this.endQuarantine(record, round);
      return;
    }
    if (!record.isLost || now < record.reclaimAt) return;
    const isAllowed = record.loss === 'lease' || (await this.asksToReclaim(record));
    if (!isAllowed) record.reclaimAt = Infinity;
    // The holder may have released while the policy was thinking.
    else if (record.isLost) this.reclaim(record, round);
  }

  private async asksToReclaim(record: HoldRecord<S>): Promise<boolean> {
    const { recover } = this.policy;
    if (typeof recover !== 'function') return true;
    try {
      return await recover(this.book.toInfo(record));
    } catch {
      return false;
    }
  }

  private reclaim(record: HoldRecord<S>, round: Round<S>): void {
    const { quarantineMs } = this.policy;
    record.state = 'quarantined';
    record.quarantineEndsAt = this.book.ageNow() + quarantineMs;
    this.reclaimedTotal += 1;
    round.reclaimed.add(record);
    const { events } = this.host;
    if (events.hears('reclaimed'))
      events.emit('reclaimed', {
        ...this.book.toInfo(record),
        reason: record.loss ?? 'manual',
        quarantined: quarantineMs > 0,
      });
    this.freeSession(record, round);
    if (quarantineMs === 0) this.endQuarantine(record, round);
    else this.book.wakeWithin(quarantineMs);
  }

  private freeSession(record: HoldRecord<S>, round: Round<S>): void {
    const { session } = record.seat;
    if (session === undefined) return;
    session.leaked -= record.weight;
    session.counters.recovered += 1;
    round.freed.add(record);
    this.host.freeSession(record);
  }

  private endQuarantine(record: HoldRecord<S>, round: Round<S>): void {
    const { global, provider } = record.seat;
    for (const tier of provider === undefined ? [global] : [global, provider]) {
      tier.leaked -= record.weight;
      tier.counters.recovered += 1;
    }
    round.freed.add(record);
    record.state = 'ended';
    this.book.endRecord(record);
    this.host.freeShared(record);
  }

  /** Counts and reports a round in which something came back. Nothing to recover counts nothing. */
  private closeRound(round: Round<S>): void {
    const touched = new Set([...round.reclaimed, ...round.freed]);
    if (touched.size === 0) return;
    const status = this.toStatus(touched.size);
    const counters = new Set<TierCounters>();
    const byTier: Record<Tier, number> = { global: 0, provider: 0, session: 0 };
    for (const record of touched) {
      for (const tier of tiersOf(record.seat)) {
        const isFreed = tier.type === 'session' ? round.reclaimed.has(record) : record.state === 'ended';
        if (isFreed) byTier[tier.type] += 1;
        if (tier.type !== 'session' || isFreed) counters.add(tier.counters);
      }
    }
    for (const each of counters) each.recoveries[status] += 1;
    if (this.host.events.hears('recovered'))
      this.host.events.emit('recovered', { status, recovered: touched.size, remaining: this.pending.size, byTier });
  }

  private toStatus(recovered: number): RecoveryStatus {
    if (this.pending.size === 0) return 'success';
    const isUnderWay = [...this.pending].some(({ state }) => state === 'quarantined');
    return recovered > 0 || isUnderWay ? 'partial' : 'failed';
  }

  private async outwaitGrace(): Promise<void> {
    for (;;) {
      const due = [...this.pending].filter((record) => record.isLost && record.reclaimAt !== Infinity);
      const graceLeft = Math.max(0, ...due.map(({ reclaimAt }) => reclaimAt - this.book.ageNow()));
      if (graceLeft === 0) return;
      await this.host.pause(graceLeft);
    }
  }
}

function newRound<S extends Seat>(): Round<S> {
  return { reclaimed: new Set(), freed: new Set() };
}

/** The tiers a seat counts in. */
export function tiersOf(seat: Seat): readonly NonNullable<Seat[keyof Seat]>[] {
  const { global, provider, session } = seat;
  return [global, provider, session].filter((tier) => tier !== undefined);
}
