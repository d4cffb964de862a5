import type { AcquireErrorCode } from './acquire-error.ts';
import type { Tier } from './tier.ts';
import { WaitHistogram, type WaitStats } from './wait-histogram.ts';

/** How a recovery ended: everything proven came back, some of it, or nothing. */
export type RecoveryStatus = 'success' | 'partial' | 'failed';

/** Counters and state of one tier. Counters only grow. */
export interface TierStats {
  readonly type: Tier;
  /** The provider, its account left out; `none` for the global and the session tier. */
  readonly provider: string;
  readonly capacity: number;
  /** Equals `capacity` unless an adaptive limit is below it. */
  readonly limit: number;
  readonly held: number;
  readonly available: number;
  readonly waiting: number;
  /** Held permits without a live holder: leaked, lost or quarantined. */
  readonly leaked: number;
  readonly oldestHoldMs: number;
  readonly granted: number;
  readonly released: number;
  /** Releases of permits that had been reclaimed. They change nothing. */
  readonly lateReleases: number;
  readonly leaksDetected: number;
  readonly recovered: number;
  readonly rejected: Readonly<Record<AcquireErrorCode, number>>;
  readonly recoveries: Readonly<Record<RecoveryStatus, number>>;
  /** Per grant the time this tier was full while the call waited, 0 included. */
  readonly wait: WaitStats;
}

/** The growing part of {@link TierStats}. */
export interface TierCounters {
  granted: number;
  released: number;
  lateReleases: number;
  leaksDetected: number;
  recovered: number;
  readonly rejected: Record<AcquireErrorCode, number>;
  readonly recoveries: Record<RecoveryStatus, number>;
  readonly wait: WaitHistogram;
}

/** Counters at zero. */
export function createCounters(): TierCounters {
  return {
    granted: 0,
    released: 0,
    lateReleases: 0,
    leaksDetected: 0,
    recovered: 0,
    rejected: {
      TIMEOUT: 0,
      DEADLINE_EXCEEDED: 0,
      ABORTED: 0,
      OVER_CAPACITY: 0,
      SHED: 0,
      CLOSED: 0,
      DEADLOCK: 0,
      LOST: 0,
    },
    recoveries: { success: 0, partial: 0, failed: 0 },
    wait: new WaitHistogram(),
  };
}

/** The momentary part of {@link TierStats}; a sum when several tiers share a row. */
export type TierGauges = Pick<TierStats, 'capacity' | 'limit' | 'held' | 'waiting' | 'leaked'>;

/** Adds up tiers. */
export function sumOf(tiers: readonly TierGauges[]): TierGauges {
  const sum = (key: keyof TierGauges): number => tiers.reduce((total, tier) => total + tier[key], 0);
  return {
    capacity: sum('capacity'),
    limit: sum('limit'),
    held: sum('held'),
    waiting: sum('waiting'),
    leaked: sum('leaked'),
  };
}

/** One row of statistics. */
export function toTierStats(
  type: Tier,
  provider: string,
  counters: TierCounters,
  tiers: readonly TierGauges[],
  oldestHoldMs: number,
): TierStats {
  const gauges = sumOf(tiers);
  return {
    type,
    provider,
    ...gauges,
    available: Math.max(0, gauges.limit - gauges.held),
    oldestHoldMs,
    ...counters,
    rejected: { ...counters.rejected },
    recoveries: { ...counters.recoveries },
    wait: counters.wait.toStats(counters.granted),
  };
}
