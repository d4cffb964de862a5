import { ACQUIRE_ERROR_CODES, type AcquireErrorCode } from './acquire-error.ts';
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
export class TierCounters {
  granted = 0;
  released = 0;
  lateReleases = 0;
  leaksDetected = 0;
  recovered = 0;
  readonly rejected: Record<AcquireErrorCode, number> = zeroes(ACQUIRE_ERROR_CODES);
  readonly recoveries: Record<RecoveryStatus, number> = { success: 0, partial: 0, failed: 0 };
  readonly wait: WaitHistogram = new WaitHistogram();
}

/** The momentary part of {@link TierStats}; a sum when several tiers share a row. */
export interface TierGauges {
  capacity: number;
  limit: number;
  held: number;
  waiting: number;
  leaked: number;
  oldestHoldMs: number;
}

/** One row of statistics. */
export function toTierStats(type: Tier, provider: string, counters: TierCounters, gauges: TierGauges): TierStats {
  const { granted, released, lateReleases, leaksDetected, recovered } = counters;
  return {
    type,
    provider,
    ...gauges,
    available: Math.max(0, gauges.limit - gauges.held),
    granted,
    released,
    lateReleases,
    leaksDetected,
    recovered,
    rejected: { ...counters.rejected },
    recoveries: { ...counters.recoveries },
    wait: counters.wait.toStats(granted),
  };
}

function zeroes<K extends string>(keys: readonly K[]): Record<K, number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the entries are exactly the keys
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
