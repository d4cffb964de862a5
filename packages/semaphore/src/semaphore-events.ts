import type { AcquireErrorCode } from './acquire-error.ts';
import type { HealthReport } from './health-report.ts';
import type { HolderInfo, LossReason } from './holder-info.ts';
import type { SharedHealth } from './shared-health.ts';
import type { Outcome, Tier } from './tier.ts';
import type { RecoveryStatus } from './tier-stats.ts';

/** What a recovery achieved. */
export interface RecoveryReport {
  /** `success`: no proven permit is left. `partial`: some remain, or are quarantined. `failed`: none could be taken back. */
  readonly status: RecoveryStatus;
  /** Permits taken back from holders that could not release them. */
  readonly recovered: number;
  /** Permits proven leaked or lost that still count as held in some tier. */
  readonly remaining: number;
}

/** The events of a semaphore. Payloads are plain data, never a permit. Listeners run synchronously. */
export interface SemaphoreEvents {
  acquired: HolderInfo & { readonly waitedMs: number };
  released: HolderInfo & { readonly outcome: Outcome };
  rejected: {
    readonly tier: Tier;
    readonly provider?: string;
    readonly session?: string;
    readonly label?: string;
    readonly code: AcquireErrorCode;
    readonly waitedMs: number;
  };
  /** Once per permit, after `deadlineAt` or `overdueMs`; followed by `returned`, `leaked` or `reclaimed`. */
  overdue: HolderInfo;
  /** An overdue or lost permit came back from its holder after all. */
  returned: HolderInfo;
  /** Nothing can release the permit any more: it was collected (`gc`) or its owner ended (`scope`). */
  leaked: HolderInfo & { readonly proof: 'gc' | 'scope' };
  /** The permit was taken back. What it frees at once, and what stays quarantined, is told by `quarantined`. */
  reclaimed: HolderInfo & { readonly reason: LossReason; readonly quarantined: boolean };
  /** A reclaimed permit was released after all. It changed nothing except that its quarantine ended. */
  lateRelease: HolderInfo;
  limitChanged: { readonly provider: string; readonly limit: number; readonly was: number };
  /** Every permit that a waiting call needs is held by flows that wait themselves. */
  deadlock: {
    readonly tier: Tier;
    readonly holder: HolderInfo;
    readonly waiter: {
      readonly provider?: string;
      readonly session?: string;
      readonly label?: string;
      readonly stack?: string;
    };
  };
  recovered: RecoveryReport & { readonly byTier: Readonly<Record<Tier, number>> };
  health: HealthReport;
  /** The link to the shared limits has changed its state or its mode. Only where limits are shared between processes. */
  sharedChanged: SharedHealth;
}
