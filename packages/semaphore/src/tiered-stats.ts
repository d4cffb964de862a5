import type { CapacityTier } from './capacity-tier.ts';
import type { FairQueue } from './fair-queue.ts';
import type { Flow } from './flow.ts';
import type { HoldRecord } from './hold-record.ts';
import { providerName } from './provider-name.ts';
import type { TierRegistry } from './tier-registry.ts';
import { toTierStats, type TierGauges, type TierStats } from './tier-stats.ts';

/** Statistics of a {@link TieredSemaphore}. */
export interface TieredStats {
  readonly global: TierStats;
  /** By provider name; accounts of one provider are summed. */
  readonly providers: Readonly<Record<string, TierStats>>;
  /** Sums over live sessions. */
  readonly session: TierStats;
  /** Sessions that hold or wait. */
  readonly sessions: number;
}

/** One pass over tiers and holders. */
export function toTieredStats(
  tiers: TierRegistry,
  fair: FairQueue,
  records: Iterable<HoldRecord<Flow>>,
  now: number,
): TieredStats {
  const oldest = oldestHolds(records, now);
  const live = [...fair.sessions.values()].filter(({ isIdle }) => !isIdle);
  const providers = [...tiers.providers.values()];
  const rows = [...tiers.providerCounters].map(([name, counters]) => {
    const own = providers.filter(({ id }) => providerName(id) === name);
    return [name, toTierStats('provider', name, counters, sumOf(own, oldest))] as const;
  });
  return {
    global: toTierStats('global', 'none', tiers.global.counters, sumOf([tiers.global], oldest)),
    providers: Object.fromEntries(rows),
    session: toTierStats('session', 'none', tiers.sessionCounters, sumOf(live, oldest)),
    sessions: fair.liveSessions,
  };
}

function sumOf(tiers: Iterable<CapacityTier>, oldest: ReadonlyMap<CapacityTier, number>): TierGauges {
  const sum: TierGauges = { capacity: 0, limit: 0, held: 0, waiting: 0, leaked: 0, oldestHoldMs: 0 };
  for (const tier of tiers) {
    sum.capacity += tier.capacity;
    sum.limit += tier.limit;
    sum.held += tier.held;
    sum.waiting += tier.waiting;
    sum.leaked += tier.leaked;
    sum.oldestHoldMs = Math.max(sum.oldestHoldMs, oldest.get(tier) ?? 0);
  }
  return sum;
}

function oldestHolds(records: Iterable<HoldRecord<Flow>>, now: number): Map<CapacityTier, number> {
  const oldest = new Map<CapacityTier, number>();
  for (const { seat, grantedAt } of records)
    for (const tier of [seat.global, seat.provider, seat.session])
      oldest.set(tier, Math.max(oldest.get(tier) ?? 0, now - grantedAt));
  return oldest;
}
