/** Why an evidence tool refused or could not look; every code is a stable part of the API. */
export type EvidenceErrorCode =
  | 'INVALID_ARGUMENTS'
  | 'INVALID_PATH'
  | 'OUTSIDE_ROOTS'
  | 'NOT_FOUND'
  | 'NOT_A_FILE'
  | 'NOT_A_DIRECTORY'
  | 'SECRET_FILE'
  | 'BINARY_FILE'
  | 'TOO_LARGE'
  | 'GIT_FAILED'
  | 'ABORTED';

/**
 * Failure of an evidence tool. The message names the path as it was asked for and never a path outside the roots,
 * so it can be handed to a model as it is.
 */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
  readonly code: EvidenceErrorCode;

  constructor(code: EvidenceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for an error of this class. */
  static is(error: unknown): error is EvidenceError {
    return error instanceof EvidenceError;
  }
}
