import type { FairQueue } from '../fair-queue.ts';
import type { Flow } from '../flow.ts';
import { ProviderTier } from '../provider-tier.ts';
import type { SessionTier } from '../session-tier.ts';
import type { PoolAsk, PoolReply } from './admission-call.ts';
import { PoolLease, toWireCapacity } from './pool-lease.ts';

/** Permits that nobody uses are given back after this many milliseconds. */
const IDLE_MS = 100;
/** A limit this many times the number of processes leaves each enough to lease in batches. */
const BATCH_FACTOR = 8;
const MAX_BATCH = 16;

/** What waits for one provider and could start with a permit of it. */
interface Demand {
  calls: number;
  share: number;
}

const NO_DEMAND: Demand = { calls: 0, share: 1 };

/** Everything this process has leased, and what it should keep, return and ask for. */
export class LeaseBook {
  /** Processes of the account. */
  processes = 1;
  /** Whether this process grants its part by itself: credit is then not what Redis knows of. */
  isSharing = false;
  readonly providers: Map<string, PoolLease> = new Map();
  readonly sessions: Map<string, PoolLease> = new Map();
  /** Providers that are never forgotten. The others come and go with their work. */
  private readonly listed: ReadonlySet<string>;
  private readonly waiting: Set<SessionTier> = new Set();
  private readonly dirty: Set<PoolLease> = new Set();
  /** Leases whose pool could not give all that was asked for. */
  private readonly short: Set<PoolLease> = new Set();
  private readonly idle: Set<PoolLease> = new Set();
  private readonly fair: FairQueue;

  constructor(fair: FairQueue, listed: Iterable<ProviderTier>) {
    this.fair = fair;
    const providers = [...listed];
    this.listed = new Set(providers.map(({ id }) => id));
    for (const provider of providers) this.leaseOf(provider);
  }

  get isDirty(): boolean {
    return this.dirty.size > 0;
  }

  get hasIdle(): boolean {
    return this.idle.size > 0;
  }

  /** Whether anything asked for has not come yet. */
  get isWaiting(): boolean {
    return this.short.size > 0;
  }

  get leased(): number {
    let sum = 0;
    for (const { credit } of this.providers.values()) sum += credit;
    return sum;
  }

  *all(): Generator<PoolLease> {
    yield* this.providers.values();
    yield* this.sessions.values();
  }

  /** Ties a new tier to what is leased of its pool: at first nothing. */
  attach(tier: ProviderTier | SessionTier): void {
    const lease = (tier instanceof ProviderTier ? this.providers : this.sessions).get(tier.id);
    if (lease === undefined) tier.credit = 0;
    else lease.moveTo(tier);
  }

  noteWaiting({ provider, session }: Flow): void {
    this.waiting.add(session);
    this.mark(this.leaseOf(provider));
    this.mark(this.leaseOf(session));
  }

  /**
   * A permit's part of the provider is about to come back: what is not kept for the next call must not be granted again.
   * Returns whether it is kept.
   */
  returnProvider(provider: ProviderTier, now: number): boolean {
    const lease = this.leaseOf(provider);
    const isKept = this.isKept(lease);
    this.giveUp(lease, isKept, now);
    return isKept;
  }

  /** The same for the session's part, which is kept while calls wait for the other one. */
  returnSession(session: SessionTier, isKept: boolean, now: number): void {
    const lease = this.leaseOf(session);
    this.giveUp(lease, !lease.isContended && (isKept || session.waiting > 0), now);
  }

  /** Another process waits for the pool; without a name: for any. */
  recall(pool: string): void {
    for (const lease of this.all()) {
      if (lease.credit === 0 || (pool !== lease.pool && (pool !== '*' || lease.kind !== 'provider'))) continue;
      lease.isContended = true;
      this.mark(lease);
    }
  }

  mark(lease: PoolLease): void {
    lease.isDirty = true;
    this.dirty.add(lease);
  }

  markAll(): void {
    for (const lease of this.all()) this.mark(lease);
  }

  /** Marks what nobody has used for a while. */
  markIdle(now: number): void {
    for (const lease of this.idle) {
      const isNeeded = lease.kind === 'session' && lease.tier.waiting > 0;
      if (lease.spare > 0 && (isNeeded || now - lease.idleSince < IDLE_MS)) continue;
      this.idle.delete(lease);
      if (lease.spare > 0) this.mark(lease);
    }
  }

  /** The leases to speak of in the next call: all, or those that changed or wait; every provider when `isRenewal`. */
  select(isFull: boolean, isRenewal: boolean): PoolLease[] {
    if (isFull) return [...this.all()];
    const chosen = new Set([...this.dirty, ...this.short]);
    if (isRenewal) for (const lease of this.providers.values()) chosen.add(lease);
    // Sessions first: Redis serves them first, and a provider's permit is of no use without one of the session.
    return [...chosen].toSorted((a, b) => (a.kind === b.kind ? 0 : a.kind === 'session' ? -1 : 1));
  }

  /** States what is kept of each pool and what is wanted. From here on no more than what is kept is granted. */
  build(leases: readonly PoolLease[], now: number): PoolAsk[] {
    const demands = this.demands();
    return leases.map((lease) => {
      const demand = (lease.tier instanceof ProviderTier ? demands.get(lease.tier) : undefined) ?? NO_DEMAND;
      const waiting = lease.kind === 'provider' ? demand.calls : lease.tier.waiting;
      const keep = this.toKeep(lease, waiting, now);
      const want = this.toWant(lease, waiting, keep);
      if (!this.isSharing) lease.credit = keep;
      lease.returned = 0;
      lease.isDirty = false;
      this.dirty.delete(lease);
      const { pool, clean, overload: over, tier } = lease;
      return { pool, cap: toWireCapacity(tier.capacity), keep, want, share: demand.share, clean, over };
    });
  }

  /** Takes in what became of the leases of a call. Returns the providers whose limit is another now, and their former one. */
  apply(leases: readonly PoolLease[], replies: readonly PoolReply[], fence: number): Map<PoolLease, number> {
    const changed = new Map<PoolLease, number>();
    for (const [index, lease] of leases.entries()) {
      const reply = replies[index];
      if (reply === undefined) continue;
      if (lease.kind === 'provider') {
        if (reply.limit !== toWireCapacity(lease.tier.limit)) changed.set(lease, lease.tier.limit);
        adopt(lease, reply, fence);
      }
      lease.credit = Math.max(0, reply.credit - lease.returned);
      lease.left = reply.left;
      lease.used = reply.used;
      lease.isContended = reply.isContended;
      if (reply.left > 0) this.short.add(lease);
      else this.short.delete(lease);
    }
    for (const lease of leases) {
      const session = lease.kind === 'session' ? this.fair.sessions.get(lease.id) : undefined;
      if (session !== undefined) this.fair.refreshAll(session);
    }
    return changed;
  }

  /** After waiting calls have taken what they could: what is left over is kept for a while, or given back at once. */
  sweep(leases: readonly PoolLease[], now: number): void {
    for (const lease of leases) {
      if (lease.spare > 0) {
        lease.idleSince = now;
        if (lease.kind === 'session' || this.isKept(lease)) this.idle.add(lease);
        else this.mark(lease);
      }
      if (!lease.isEmpty) continue;
      if (lease.kind === 'session') this.sessions.delete(lease.id);
      else if (!this.listed.has(lease.id)) this.providers.delete(lease.id);
    }
    this.markUnasked();
  }

  /** Nothing more may be granted. */
  lapse(): void {
    for (const lease of this.all()) lease.credit = 0;
  }

  /** This process's part of everything, without asking. */
  share(): void {
    this.isSharing = true;
    for (const lease of this.providers.values()) lease.credit = Math.floor(lease.tier.limit / this.processes);
    for (const lease of this.sessions.values()) lease.credit = lease.tier.limit;
    for (const session of this.fair.sessions.values()) {
      this.leaseOf(session).credit = session.limit;
      this.fair.refreshAll(session);
    }
  }

  leaseOf(tier: ProviderTier | SessionTier): PoolLease {
    const kind = tier instanceof ProviderTier ? 'provider' : 'session';
    const leases = kind === 'provider' ? this.providers : this.sessions;
    const known = leases.get(tier.id);
    if (known !== undefined) return known;
    const lease = new PoolLease(kind, tier.id, tier);
    leases.set(tier.id, lease);
    if (this.isSharing) lease.credit = kind === 'session' ? tier.limit : Math.floor(tier.limit / this.processes);
    return lease;
  }

  /** Marks pools of which more is wanted than was asked for: a reply may have let new calls come that far. */
  private markUnasked(): void {
    for (const [provider, { calls }] of this.demands()) {
      const lease = this.leaseOf(provider);
      if (calls - lease.spare > lease.left) this.mark(lease);
    }
    for (const session of this.waiting) {
      const lease = this.leaseOf(session);
      if (Math.min(session.limit, session.held + session.waiting) - lease.credit > lease.left) this.mark(lease);
    }
  }

  /** Whether a permit that comes back stays with this process for its next call. */
  private isKept(lease: PoolLease): boolean {
    return this.isSharing || (!lease.isContended && (this.processes === 1 || this.isBatched(lease)));
  }

  private isBatched(lease: PoolLease): boolean {
    return lease.tier.limit >= BATCH_FACTOR * this.processes;
  }

  private giveUp(lease: PoolLease, isKept: boolean, now: number): void {
    if (isKept || this.isSharing) {
      lease.idleSince = now;
      this.idle.add(lease);
      return;
    }
    if (lease.credit > 0) {
      lease.credit -= 1;
      lease.returned += 1;
    }
    this.mark(lease);
  }

  private toKeep(lease: PoolLease, waiting: number, now: number): number {
    const { held, credit, kind } = lease;
    if (this.isSharing) return Math.max(held, credit);
    // A session's permits wait for those of the provider with the call that needs both.
    const needed = kind === 'session' ? held + waiting : held;
    const isKept = kind === 'session' ? !lease.isContended : this.isKept(lease);
    const isFresh = waiting > 0 || now - lease.idleSince < IDLE_MS;
    return Math.max(held, isKept && isFresh ? credit : Math.min(credit, needed));
  }

  private toWant(lease: PoolLease, waiting: number, keep: number): number {
    const { held, kind, tier } = lease;
    if (kind === 'session') return Math.max(0, Math.min(tier.limit, held + waiting) - keep);
    const want = Math.max(0, held + waiting - keep);
    if (want === 0 || !this.isKept(lease) || !this.isBatched(lease)) return want;
    return Math.max(want, Math.min(MAX_BATCH, Math.floor(tier.limit / (2 * this.processes))));
  }

  /** Calls that a permit of their provider would let start, as far as their session's own limit is known to allow. */
  private demands(): Map<ProviderTier, Demand> {
    const demands = new Map<ProviderTier, Demand>();
    for (const session of this.waiting) {
      if (session.waiting === 0) this.waiting.delete(session);
      const lease = this.leaseOf(session);
      const free = (lease.left > 0 ? lease.credit : session.limit) - session.held;
      for (const { provider, queue } of session.flows) {
        const calls = Math.min(free, queue.size);
        if (calls <= 0) continue;
        const demand = demands.get(provider) ?? { calls: 0, share: 0 };
        demand.calls += calls;
        demand.share += queue.peek()?.weight ?? 1;
        demands.set(provider, demand);
      }
    }
    return demands;
  }
}

function adopt(lease: PoolLease, { limit, cap, cuts }: PoolReply, fence: number): void {
  const { tier } = lease;
  if (cuts !== lease.cuts) {
    lease.cuts = cuts;
    lease.cutFence = fence;
  }
  if (cap !== toWireCapacity(tier.capacity)) tier.capacity = cap;
  if (limit !== toWireCapacity(tier.limit)) tier.limit = limit;
}
