import type { CapacityTier } from './capacity-tier.ts';
import type { FairQueue } from './fair-queue.ts';
import type { Flow } from './flow.ts';
import type { HoldRecord } from './hold-record.ts';
import { groupByProvider } from './provider-name.ts';
import { tiersOf } from './seat.ts';
import type { TierRegistry } from './tier-registry.ts';
import { toTierStats, type TierCounters, type TierStats } from './tier-stats.ts';
import type { Tier } from './tier.ts';

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
  const toRow = (type: Tier, name: string, counters: TierCounters, own: readonly CapacityTier[]): TierStats =>
    toTierStats(
      type,
      name,
      counters,
      own,
      own.reduce((most, tier) => Math.max(most, oldest.get(tier) ?? 0), 0),
    );
  const live = [...fair.sessions.values()].filter(({ isIdle }) => !isIdle);
  const providers = groupByProvider(tiers.providers.values(), ({ id }) => id);
  const rows = [...tiers.providerCounters].map(
    ([name, counters]) => [name, toRow('provider', name, counters, providers.get(name) ?? [])] as const,
  );
  return {
    global: toRow('global', 'none', tiers.global.counters, [tiers.global]),
    providers: Object.fromEntries(rows),
    session: toRow('session', 'none', tiers.sessionCounters, live),
    sessions: fair.liveSessions,
  };
}

function oldestHolds(records: Iterable<HoldRecord<Flow>>, now: number): Map<CapacityTier, number> {
  const oldest = new Map<CapacityTier, number>();
  for (const { seat, grantedAt } of records)
    for (const tier of tiersOf(seat)) oldest.set(tier, Math.max(oldest.get(tier) ?? 0, now - grantedAt));
  return oldest;
}
