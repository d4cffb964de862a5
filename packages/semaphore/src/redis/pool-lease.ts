import type { CapacityTier } from '../capacity-tier.ts';

/** Bound of a capacity on its way to Redis, where there is no infinity. */
const MAX_CAPACITY = 1e9;

/** What this process has leased of one pool of the account, and what it last heard about the pool. */
export class PoolLease {
  readonly kind: 'provider' | 'session';
  readonly id: string;
  readonly pool: string;
  /** The tier that counts what is in use. Tiers come and go with their work, leases outlive them. */
  tier: CapacityTier;
  /** Leases of the whole account. */
  used = 0;
  /** Permits given back since the last call was built: the reply to that call still counts them. */
  returned = 0;
  /** What the account could not give yet. */
  left = 0;
  isContended = false;
  isDirty = false;
  idleSince = 0;
  clean = 0;
  /** How often the account has cut the limit. */
  cuts = 0;
  /** Newest permit when the last cut was heard of: older ones cannot cut again. */
  cutFence = 0;
  overload = -1;

  constructor(kind: 'provider' | 'session', id: string, tier: CapacityTier) {
    this.kind = kind;
    this.id = id;
    this.pool = `${kind === 'provider' ? 'p' : 's'}:${toWireName(id)}`;
    this.tier = tier;
    tier.credit = 0;
  }

  get credit(): number {
    return this.tier.credit;
  }

  set credit(value: number) {
    this.tier.credit = value;
  }

  get held(): number {
    return this.tier.held;
  }

  get spare(): number {
    return this.tier.credit - this.tier.held;
  }

  get isEmpty(): boolean {
    const { credit, held, waiting } = this.tier;
    return credit === 0 && held === 0 && waiting === 0 && this.left === 0 && !this.isDirty;
  }

  /** A new tier for the same pool takes the lease over. */
  moveTo(tier: CapacityTier): void {
    tier.credit = this.tier.credit;
    this.tier = tier;
  }
}

/** A capacity as it travels. */
export function toWireCapacity(capacity: number): number {
  return Math.min(capacity, MAX_CAPACITY);
}

/** A name without the characters that separate fields in Redis. */
export function toWireName(name: string): string {
  return name.replace(/[^\w.:-]/g, (unit) => `%${(unit.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}`);
}
