import type { HolderInfo } from './holder-info.ts';
import type { Tier } from './tier.ts';

/** Why an acquire was refused, or why a permit's `signal` was aborted (`LOST`). */
export type AcquireErrorCode =
  | 'TIMEOUT'
  | 'DEADLINE_EXCEEDED'
  | 'ABORTED'
  | 'OVER_CAPACITY'
  | 'SHED'
  | 'CLOSED'
  | 'DEADLOCK'
  | 'LOST';

/** What an {@link AcquireError} tells besides its code and message. */
export interface AcquireErrorDetails {
  /** What ended the wait; for `ABORTED` the signal's reason. */
  cause?: unknown;
  /** The tier that kept the call waiting longest, or that was full. */
  tier?: Tier;
  provider?: string;
  /** Permits of `tier` that may be held at once. */
  limit?: number;
  /** Permits of `tier` held when the call was refused. */
  held?: number;
  /** Calls that were waiting when the call was refused, itself not counted. */
  waiting?: number;
  /** Bound of the queue, for `OVER_CAPACITY`. */
  maxWaiting?: number;
  /** Milliseconds after which another try is worth it, from observed service times; spread by ±20 %. */
  retryAfterMs?: number;
  /** The oldest holders of `tier`, at most 8. */
  holders?: readonly HolderInfo[];
}

/** The one error of this package for expected failures. Bad arguments are `RangeError`s. */
export class AcquireError extends Error {
  override readonly name = 'AcquireError';
  readonly code: AcquireErrorCode;
  declare readonly tier?: Tier;
  declare readonly provider?: string;
  declare readonly limit?: number;
  declare readonly held?: number;
  declare readonly waiting?: number;
  declare readonly maxWaiting?: number;
  declare readonly retryAfterMs?: number;
  declare readonly holders?: readonly HolderInfo[];

  constructor(code: AcquireErrorCode, message: string, details: AcquireErrorDetails = {}) {
    const { cause, ...rest } = details;
    super(message, 'cause' in details ? { cause } : undefined);
    this.code = code;
    Object.assign(this, rest);
  }

  /** Whether a caught value is an {@link AcquireError}. */
  static is(error: unknown): error is AcquireError {
    return error instanceof AcquireError;
  }
}
