import type { HolderInfo } from './holder-info.ts';
import type { SharedHealth } from './shared-health.ts';

/** One tier in a {@link HealthReport}. */
export interface TierHealth {
  readonly capacity: number;
  readonly limit: number;
  readonly held: number;
  readonly waiting: number;
  /** Held permits without a live holder: leaked, lost or quarantined. */
  readonly leaked: number;
  readonly overdue: number;
}

/** The state of a semaphore. Being busy is healthy; a proven leak that is not settled is not. */
export interface HealthReport {
  /** No permit is leaked, lost or quarantined. */
  readonly healthy: boolean;
  readonly global: TierHealth;
  readonly providers: Readonly<Record<string, TierHealth>>;
  readonly sessions: number;
  readonly overdue: number;
  /** Proven leaked, or lost, and not reclaimed. */
  readonly leaked: number;
  readonly quarantined: number;
  readonly oldestHoldMs: number;
  /** The holders that are not plainly `held`. */
  readonly holders: readonly HolderInfo[];
  /** The account-wide view, where the limits are shared between processes. */
  readonly shared?: SharedHealth;
}
