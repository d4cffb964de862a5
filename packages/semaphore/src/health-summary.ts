import type { CapacityTier } from './capacity-tier.ts';
import type { HealthReport, TierHealth } from './health-report.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HolderInfo } from './holder-info.ts';
import { groupByProvider } from './provider-name.ts';
import type { NamedTier, Seat } from './seat.ts';
import { sumOf } from './tier-stats.ts';

/** Builds the health report from tiers and holders. Provider tiers that differ by account only are summed. */
export function toHealthReport<S extends Seat>(
  global: CapacityTier,
  providers: Iterable<NamedTier>,
  sessions: number,
  holders: readonly HolderInfo[],
  unsettled: ReadonlySet<HoldRecord<S>> | undefined,
): HealthReport {
  const records = [...(unsettled ?? [])];
  const quarantined = records.filter(({ state }) => state === 'quarantined').length;
  const overdue = holders.filter(({ state }) => state === 'overdue');
  const overdueBy = groupByProvider(overdue, ({ provider }) => provider);
  const byName = groupByProvider(providers, ({ id }) => id);
  return {
    healthy: records.length === 0,
    global: toTierHealth([global], overdue),
    providers: Object.fromEntries(
      [...byName].map(([name, tiers]) => [name, toTierHealth(tiers, overdueBy.get(name) ?? [])]),
    ),
    sessions,
    overdue: overdue.length,
    leaked: records.length - quarantined,
    quarantined,
    oldestHoldMs: holders[0]?.ageMs ?? 0,
    holders: holders.filter(({ state }) => state !== 'held'),
  };
}

function toTierHealth(tiers: readonly CapacityTier[], overdue: readonly HolderInfo[]): TierHealth {
  return { ...sumOf(tiers), overdue: overdue.length };
}
