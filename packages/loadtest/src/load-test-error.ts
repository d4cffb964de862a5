/** Why a load test could not be set up or its files not be read. */
export type LoadTestErrorCode =
  | 'INVALID_SCENARIO'
  | 'INVALID_REPORT'
  | 'INVALID_OPTION'
  | 'UNREACHABLE'
  | 'TIME_SCALE_MISMATCH'
  | 'HOST_NOT_ALLOWED'
  | 'FAULTS_UNAVAILABLE'
  | 'MISSING_PEER';

/** The one error class of this package; what happens *during* a run is an outcome in its result, never an exception. */
export class LoadTestError extends Error {
  override readonly name = 'LoadTestError';
  readonly code: LoadTestErrorCode;

  constructor(code: LoadTestErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  static is(error: unknown): error is LoadTestError {
    return error instanceof LoadTestError;
  }
}
