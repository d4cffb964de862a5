import { checkDuration, checkPositive, checkWord } from './check-argument.ts';
import type { HolderInfo } from './holder-info.ts';

/**
 * How closely permits are watched.
 *
 * - `off`: not at all. No `holders()`, no `overdue`, no `maxHoldMs`.
 * - `track`: holders and ages.
 * - `standard`: and proof by garbage collection that a permit can never be released.
 * - `strict`: and the stack of every acquire, its text made at the first sweep, and deadlock reports.
 * - `paranoid`: and both at once, at every grant.
 */
export type LeakLevel = 'off' | 'track' | 'standard' | 'strict' | 'paranoid';

/** What happens to a permit proven leaked: taken back, only reported, or what the callback says (false keeps it). */
export type RecoveryPolicy = 'reclaim' | 'report' | ((holder: HolderInfo) => boolean | Promise<boolean>);

/** When to run a major garbage collection, which alone can prove a leak, while waiters starve and a holder is overdue. */
export interface ForceGcOptions {
  /** Never above this much used heap: a collection blocks the loop about 7 ms at 9 MB, 70 ms at 108 MB. @defaultValue 128 */
  maxHeapMb?: number;
  /** At most once in this time; doubled, up to 16 times, while nothing is found. @defaultValue 60_000 */
  everyMs?: number;
  /** How long nothing must have been released while calls wait. @defaultValue 5_000 */
  starvedMs?: number;
}

/** The leak detector's settings. */
export interface LeakOptions {
  /** @defaultValue 'standard' */
  level?: LeakLevel;
  /** @defaultValue 'reclaim' */
  recover?: RecoveryPolicy;
  /** @defaultValue false, the engine collects when it likes */
  forceGc?: boolean | ForceGcOptions;
}

/** The settings of all semaphores that bear on permits held too long. */
export interface HoldOptions {
  /** @defaultValue 'standard' */
  leak?: LeakLevel | LeakOptions;
  /** Milliseconds after which a permit without `deadlineAt` is overdue. @defaultValue 600_000 */
  overdueMs?: number;
  /** Milliseconds after which a permit is lost to its holder, whether alive or not. @defaultValue off */
  maxHoldMs?: number;
  /** Milliseconds between a lost permit's `signal` and the reclaim; skipped if the signal was never read. @defaultValue 1_000 */
  graceMs?: number;
  /**
   * Milliseconds a reclaimed permit still counts as held in the global and provider tiers, because the work it covered may
   * still run. Ends early when the holder, or `run` or `runStream` around it, releases late. @defaultValue 60_000
   */
  quarantineMs?: number;
}

/** {@link HoldOptions}, checked and complete. */
export interface HoldPolicy {
  readonly level: LeakLevel;
  readonly recover: RecoveryPolicy;
  readonly forceGc: Required<ForceGcOptions> | undefined;
  readonly overdueMs: number;
  readonly maxHoldMs: number | undefined;
  readonly graceMs: number;
  readonly quarantineMs: number;
}

const LEVELS: readonly LeakLevel[] = ['off', 'track', 'standard', 'strict', 'paranoid'];

/** Checks the options and fills in the defaults. */
export function toHoldPolicy(options: HoldOptions): HoldPolicy {
  const leak = typeof options.leak === 'string' ? { level: options.leak } : (options.leak ?? {});
  const policy: HoldPolicy = {
    level: leak.level ?? 'standard',
    recover: leak.recover ?? 'reclaim',
    forceGc: toForceGc(leak.forceGc ?? false),
    overdueMs: options.overdueMs ?? 600_000,
    maxHoldMs: options.maxHoldMs,
    graceMs: options.graceMs ?? 1000,
    quarantineMs: options.quarantineMs ?? 60_000,
  };
  checkWord('leak level', policy.level, LEVELS);
  if (typeof policy.recover !== 'function') checkWord('leak.recover', policy.recover, ['reclaim', 'report']);
  checkDuration('overdueMs', policy.overdueMs);
  checkDuration('graceMs', policy.graceMs);
  checkDuration('quarantineMs', policy.quarantineMs);
  if (policy.maxHoldMs !== undefined) checkMaxHold(policy.maxHoldMs, policy.level);
  if (policy.level === 'off' && policy.forceGc !== undefined)
    throw new RangeError('leak.forceGc needs a leak level that proves leaks, got off');
  return policy;
}

/** `maxHoldMs` is enforced by the ledger, which level `off` does not have. */
export function checkMaxHold(maxHoldMs: number, level: LeakLevel): void {
  checkPositive('maxHoldMs', maxHoldMs);
  if (level === 'off') throw new RangeError('maxHoldMs needs leak level track or above, got off');
}

function toForceGc(option: boolean | ForceGcOptions): Required<ForceGcOptions> | undefined {
  if (option === false) return undefined;
  const given = option === true ? {} : option;
  const settings = {
    maxHeapMb: given.maxHeapMb ?? 128,
    everyMs: given.everyMs ?? 60_000,
    starvedMs: given.starvedMs ?? 5000,
  };
  checkPositive('leak.forceGc.maxHeapMb', settings.maxHeapMb);
  checkDuration('leak.forceGc.everyMs', settings.everyMs);
  checkDuration('leak.forceGc.starvedMs', settings.starvedMs);
  return settings;
}
