import type { CapacityTier } from './capacity-tier.ts';
import type { HealthReport, TierHealth } from './health-report.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HolderInfo } from './holder-info.ts';
import { providerName } from './provider-name.ts';
import type { Seat } from './seat.ts';

/** Builds the health report from tiers and holders. Provider tiers that differ by account only are summed. */
export function toHealthReport<S extends Seat>(
  global: CapacityTier,
  providers: Iterable<CapacityTier & { readonly id: string }>,
  sessions: number,
  holders: readonly HolderInfo[],
  unsettled: ReadonlySet<HoldRecord<S>> | undefined,
): HealthReport {
  const records = [...(unsettled ?? [])];
  const quarantined = records.filter(({ state }) => state === 'quarantined').length;
  const overdue = holders.filter(({ state }) => state === 'overdue');
  return {
    healthy: records.length === 0,
    global: toTierHealth([global], overdue.length),
    providers: toProviderHealth(providers, overdue),
    sessions,
    overdue: overdue.length,
    leaked: records.length - quarantined,
    quarantined,
    oldestHoldMs: holders[0]?.ageMs ?? 0,
    holders: holders.filter(({ state }) => state !== 'held'),
  };
}

function toProviderHealth(
  providers: Iterable<CapacityTier & { readonly id: string }>,
  overdue: readonly HolderInfo[],
): Record<string, TierHealth> {
  const byName = new Map<string, CapacityTier[]>();
  for (const tier of providers) {
    const name = providerName(tier.id);
    byName.set(name, [...(byName.get(name) ?? []), tier]);
  }
  const countOf = (name: string): number =>
    overdue.filter(({ provider }) => provider !== undefined && providerName(provider) === name).length;
  return Object.fromEntries([...byName].map(([name, tiers]) => [name, toTierHealth(tiers, countOf(name))]));
}

function toTierHealth(tiers: readonly CapacityTier[], overdue: number): TierHealth {
  const sum = (read: (tier: CapacityTier) => number): number => tiers.reduce((total, tier) => total + read(tier), 0);
  return {
    capacity: sum(({ capacity }) => capacity),
    limit: sum(({ limit }) => limit),
    held: sum(({ held }) => held),
    waiting: sum(({ waiting }) => waiting),
    leaked: sum(({ leaked }) => leaked),
    overdue,
  };
}
