import type { ErrorCode, WireError } from '../protocol/index.ts';

/** What a {@link CallError} may carry beside its code. */
export interface CallErrorOptions extends ErrorOptions {
  /** Whether asking again can help. By default it follows from the code. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly details?: NonNullable<WireError['details']>;
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'OVER_CAPACITY',
  'QUEUE_TIMEOUT',
  'RATE_LIMITED',
  'CIRCUIT_OPEN',
  'SERVER_DRAINING',
  'PERMIT_LOST',
  'SLOW_CONSUMER',
  'RESUME_FAILED',
]);

const MAX_MESSAGE = 500;

/** Why a call ended without an answer, in the words of the wire. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly details: WireError['details'];

  constructor(code: ErrorCode, message: string, options: CallErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }

  /** True for an error of this class. */
  static is(error: unknown): error is CallError {
    return error instanceof CallError;
  }

  /** The reason of an aborted signal as an error of this class. */
  static from(reason: unknown): CallError {
    return reason instanceof CallError
      ? reason
      : new CallError('CANCELLED', 'the call was cancelled', { cause: reason });
  }

  /** The form that is sent. */
  toWire(): WireError {
    return {
      code: this.code,
      message: this.message.slice(0, MAX_MESSAGE),
      retryable: this.retryable,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: Math.max(0, Math.round(this.retryAfterMs)) }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}
