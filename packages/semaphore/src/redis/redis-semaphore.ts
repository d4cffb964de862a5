import { AdaptiveLimit } from '../adaptive-limit.ts';
import type { CapacityTier } from '../capacity-tier.ts';
import type { Flow } from '../flow.ts';
import type { HealthReport } from '../health-report.ts';
import type { HoldRecord } from '../hold-record.ts';
import type { HeldPermit } from '../permit.ts';
import { ProviderTier } from '../provider-tier.ts';
import type { SharedHealth } from '../shared-health.ts';
import type { Outcome } from '../tier.ts';
import type { TieredOptions } from '../tiered-options.ts';
import { TieredSemaphore } from '../tiered-semaphore.ts';
import { AccountLink, type CallBody, type LinkHost } from './account-link.ts';
import type { AdmissionReply } from './admission-call.ts';
import { LeaseBook } from './lease-book.ts';
import { toWireCapacity, type PoolLease } from './pool-lease.ts';
import type { RedisPort } from './redis-port.ts';
import type { SharedSettings } from './shared-settings.ts';

/** Fences of one lease come between those of the lease before and the one after: this many fit. */
const FENCES_PER_LEASE = 2 ** 20;
/** How often idle leases are looked at. */
const IDLE_CHECK_MS = 100;

/**
 * A {@link TieredSemaphore} whose three tiers are shared by all processes of an account, through Redis. Made by
 * `createRedisSemaphore`. Grants from what this process has leased; what it has not it asks for. `tryAcquire`, and `acquire`
 * with `timeoutMs: 0`, succeed on leased permits only. At the end of the lease, unless it could be renewed, every permit is
 * lost to its holder and `signal` aborts, whatever Redis says.
 */
export class RedisSemaphore extends TieredSemaphore {
  private readonly book: LeaseBook;
  private readonly link: AccountLink;
  private readonly ttlMs: number;
  private readonly isSharer: boolean;
  private readonly adaptive: AdaptiveLimit | undefined;
  private isSetting = true;
  private accountHeld = 0;
  /** The leases of the call under way, in its order. */
  private spoken: PoolLease[] = [];
  private lastShown = '';
  private cancelIdle: (() => void) | undefined = undefined;
  private cancelShare: (() => void) | undefined = undefined;

  /** @internal Use `createRedisSemaphore`, which also checks the server. */
  constructor(options: TieredOptions, port: RedisPort, settings: Omit<SharedSettings, 'onRecall'>) {
    super(options);
    if (this.ledger === undefined) throw new RangeError('a shared semaphore needs leak level track or above, got off');
    this.ttlMs = settings.ttlMs;
    this.isSharer = settings.unreachable === 'share';
    const { adaptive = false } = options;
    this.adaptive = adaptive === false ? undefined : new AdaptiveLimit(adaptive === true ? {} : adaptive);
    this.book = new LeaseBook(this.fair, this.tiers.providers.values());
    this.tiers.onTier = (tier) => this.book.attach(tier);
    const onRecall = (pool: string): void => this.recall(pool);
    this.link = new AccountLink(port, { ...settings, onRecall }, this.toHost(), this.clock);
  }

  /** @internal */
  start(): Promise<void> {
    return this.link.start();
  }

  /** What this process knows of its account. */
  get shared(): SharedHealth {
    const { failure } = this.link;
    const { book } = this;
    const providers = [...book.providers.values()].map(
      ({ id, tier, used, credit }) => [id, { limit: tier.limit, held: used, leased: credit }] as const,
    );
    return {
      state: failure === undefined ? 'connected' : 'degraded',
      mode: this.mode,
      processes: book.processes,
      limit: this.global.capacity,
      held: this.accountHeld,
      leased: book.leased,
      providers: Object.fromEntries(providers),
      ...(failure !== undefined && { reason: failure.message }),
    };
  }

  override health(): HealthReport & { readonly shared: SharedHealth } {
    return { ...super.health(), shared: this.shared };
  }

  /** Closes as any semaphore, then leaves the account: what it had leased is free for others at once. Your client stays open. */
  override async close(options: { reason?: unknown; force?: boolean } = {}): Promise<void> {
    await super.close(options);
    this.cancelIdle?.();
    this.cancelShare?.();
    await this.link.leave();
  }

  protected override noteWaiting(flow: Flow): void {
    this.book.noteWaiting(flow);
    this.link.schedule();
  }

  protected override noteResized(): void {
    this.isSetting = true;
    this.book.markAll();
    this.link.schedule();
  }

  protected override fitsNow(flow: Flow): boolean {
    return !this.isFrozen() && super.fitsNow(flow);
  }

  protected override pump(): void {
    if (!this.isFrozen()) super.pump();
  }

  protected override giveBack(permit: HeldPermit<Flow>, outcome: Outcome): void {
    const { provider, session } = permit.seat;
    const now = this.clock.elapsed();
    const isKept = this.book.returnProvider(provider, now);
    this.book.returnSession(session, isKept, now);
    this.afterReturn();
    super.giveBack(permit, outcome);
  }

  protected override freeShared(record: HoldRecord<Flow>): void {
    this.book.returnProvider(record.seat.provider, this.clock.elapsed());
    this.afterReturn();
    super.freeShared(record);
  }

  protected override freeSession(record: HoldRecord<Flow>): void {
    this.book.returnSession(record.seat.session, false, this.clock.elapsed());
    this.afterReturn();
    super.freeSession(record);
  }

  /** The account's limit moves in Redis; here only what happened is noted. */
  protected override adapt(_: AdaptiveLimit, tier: CapacityTier, permit: HeldPermit<Flow>, outcome: Outcome): void {
    if (!(tier instanceof ProviderTier)) return;
    const lease = this.book.leaseOf(tier);
    if (outcome === 'ok') lease.clean += 1;
    if (outcome !== 'overload' || permit.id <= lease.cutFence) return;
    lease.overload = lease.cuts;
    this.book.mark(lease);
    this.link.schedule();
  }

  private get mode(): SharedHealth['mode'] {
    if (this.book.isSharing) return 'share';
    if (this.link.failure !== undefined) return 'closed';
    return this.link.isRecovering ? 'recovering' : 'shared';
  }

  private afterReturn(): void {
    if (this.book.isDirty) this.link.schedule();
    else this.watchIdle();
  }

  /** Whether nothing may be granted, not even what is leased. */
  private isFrozen(): boolean {
    if (this.book.isSharing) return false;
    if (this.link.isLapsed) return true;
    return this.link.failure !== undefined;
  }

  private recall(pool: string): void {
    this.book.recall(pool);
    if (this.book.isDirty || this.link.isBusy) this.link.schedule();
  }

  private toHost(): LinkHost {
    const { book } = this;
    return {
      build: (isFull, isRenewal) => this.buildCall(isFull, isRenewal),
      apply: (reply) => this.applyReply(reply),
      revoke: () => {
        for (const lease of this.spoken) book.mark(lease);
      },
      lapse: () => this.lapse(),
      noteState: () => this.noteState(),
      get isDirty() {
        return book.isDirty;
      },
      get isWaiting() {
        return book.isWaiting;
      },
    };
  }

  private buildCall(isFull: boolean, isRenewal: boolean): CallBody {
    if (this.link.isLapsed && !this.book.isSharing) this.book.lapse();
    this.spoken = this.book.select(isFull, isRenewal);
    const { adaptive, isSetting } = this;
    return {
      fence: Math.ceil(this.fence / FENCES_PER_LEASE),
      set: isSetting ? 1 : 0,
      g: toWireCapacity(this.global.capacity),
      s: toWireCapacity(this.tiers.sessionCapacity),
      ...(adaptive !== undefined && { decrease: adaptive.decrease, increase: adaptive.increaseAfter }),
      pools: this.book.build(this.spoken, this.clock.elapsed()),
    };
  }

  private applyReply(reply: AdmissionReply): void {
    const { book, spoken } = this;
    this.isSetting = false;
    this.endSharing();
    book.processes = Math.max(1, reply.processes);
    this.accountHeld = reply.used;
    this.adoptCapacities(reply);
    const before = book.leased;
    const changed = book.apply(spoken, reply.pools, this.fence);
    if (book.leased > before) this.fence = Math.max(this.fence, reply.fence * FENCES_PER_LEASE);
    for (const [{ id, tier }, was] of changed)
      this.events.emit('limitChanged', () => ({ provider: id, limit: tier.limit, was }));
    this.pump();
    book.sweep(spoken, this.clock.elapsed());
    this.watchIdle();
  }

  private adoptCapacities({ limit, session }: AdmissionReply): void {
    if (limit !== toWireCapacity(this.global.capacity)) this.global.resize(limit);
    if (session === toWireCapacity(this.tiers.sessionCapacity)) return;
    this.tiers.sessionCapacity = session;
    for (const tier of this.fair.sessions.values()) tier.resize(session);
  }

  /** The leases have ended here. What `share` lets a process keep it keeps, oldest first; the rest is lost to its holders. */
  private lapse(): void {
    const { book } = this;
    const keeps = new Map<CapacityTier, number>();
    if (this.isSharer) {
      keeps.set(this.global, this.shareOf(this.global));
      for (const { tier } of book.providers.values()) keeps.set(tier, this.shareOf(tier));
    }
    book.lapse();
    // A copy: a listener may release.
    for (const record of Array.from(this.ledger?.records() ?? [])) {
      const { global, provider } = record.seat;
      const [left, leftHere] = [keeps.get(global) ?? 0, keeps.get(provider) ?? 0];
      if (left > 0 && leftHere > 0 && record.isHeld) {
        keeps.set(global, left - 1);
        keeps.set(provider, leftHere - 1);
      } else this.ledger?.recovery.lose(record, 'lease');
    }
    this.noteState();
  }

  private shareOf(tier: CapacityTier): number {
    return Math.floor(tier.limit / this.book.processes);
  }

  private noteState(): void {
    const { failedAt } = this.link;
    if (this.isSharer && failedAt !== undefined && this.cancelShare === undefined) {
      const delay = Math.max(1, failedAt + this.ttlMs - this.clock.elapsed());
      this.cancelShare = this.clock.clock.startTimer(() => this.beginSharing(), delay, true);
    }
    if (failedAt === undefined) {
      this.cancelShare?.();
      this.cancelShare = undefined;
    }
    const { state, mode, reason } = this.shared;
    const shown = `${state} ${mode} ${reason ?? ''}`;
    if (shown === this.lastShown) return;
    this.lastShown = shown;
    this.events.emit('sharedChanged', () => this.shared);
  }

  /** Every lease of an unreachable Redis has ended: each process may grant its part by itself. */
  private beginSharing(): void {
    if (this.link.failedAt === undefined || this.isClosed) return;
    this.global.credit = this.shareOf(this.global);
    this.book.share();
    this.noteState();
    this.pump();
  }

  private endSharing(): void {
    if (!this.book.isSharing) return;
    this.book.isSharing = false;
    this.global.credit = Infinity;
  }

  private watchIdle(): void {
    if (this.cancelIdle !== undefined || !this.book.hasIdle || this.isClosed) return;
    const check = (): void => {
      this.cancelIdle = undefined;
      this.book.markIdle(this.clock.elapsed());
      if (this.book.isDirty) this.link.schedule();
      this.watchIdle();
    };
    this.cancelIdle = this.clock.clock.startTimer(check, IDLE_CHECK_MS, false);
  }
}
