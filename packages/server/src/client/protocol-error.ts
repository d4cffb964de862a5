import type { ErrorCode, WireError } from '../protocol/index.ts';

/** Why a call or a connection failed, with the code of the wire. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ErrorCode;
  /** Whether asking again can help. */
  readonly retryable: boolean;
  /** Milliseconds to wait before that. */
  readonly retryAfterMs: number | undefined;
  readonly details: WireError['details'];

  constructor(error: WireError, options?: ErrorOptions) {
    super(error.message, options);
    this.code = error.code;
    this.retryable = error.retryable;
    this.retryAfterMs = error.retryAfterMs;
    this.details = error.details;
  }

  /** True for an error of this class. */
  static is(error: unknown): error is ProtocolError {
    return error instanceof ProtocolError;
  }
}
