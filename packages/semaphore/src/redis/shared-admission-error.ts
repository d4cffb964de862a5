/** Why limits cannot be shared through a Redis server. */
export type SharedAdmissionErrorCode =
  | 'UNREACHABLE'
  | 'UNSUPPORTED_VERSION'
  | 'READ_ONLY'
  | 'FOREIGN_LAYOUT'
  | 'TTL_MISMATCH';

/**
 * Rejects `createRedisSemaphore`.
 *
 * - `UNREACHABLE`: no answer within five times `callTimeoutMs`; `cause` is the client's error.
 * - `UNSUPPORTED_VERSION`: the server is older than 6.2.
 * - `READ_ONLY`: the server is a replica, or takes no writes.
 * - `FOREIGN_LAYOUT`: the account's keys hold something else, or were written by another version of this package.
 * - `TTL_MISMATCH`: other processes share the account with another `ttlMs`.
 */
export class SharedAdmissionError extends Error {
  override readonly name = 'SharedAdmissionError';
  readonly code: SharedAdmissionErrorCode;

  constructor(code: SharedAdmissionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Whether a caught value is a {@link SharedAdmissionError}. */
  static is(error: unknown): error is SharedAdmissionError {
    return error instanceof SharedAdmissionError;
  }
}
