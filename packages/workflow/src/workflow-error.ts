/**
 * Why a call of this package failed; every code is a stable part of the API.
 *
 * - `INVALID_ARGUMENTS`: the input does not fit; nothing was started.
 * - `UNKNOWN_TOOL`: no workflow of that name.
 * - `UNKNOWN_CONTINUATION`: the `continuation_id` does not exist or belongs to somebody else.
 * - `RUN_NOT_FOUND`: no journal of that id.
 * - `RUN_FINISHED`: the run is complete or abandoned and takes nothing more.
 * - `CONFLICT`: somebody else appended first, or the run id is taken by other work.
 * - `FENCED`: the lease of this writer ended; a newer one owns the run.
 * - `LOCKED`: the store's folder, or the run, is in use by another process.
 * - `STORE_FAILED`: reading or writing the journal failed.
 * - `NON_DETERMINISTIC`: a replay met a journal that this workflow cannot have written.
 * - `UNSUPPORTED_VERSION`: the journal was written by a newer version of this package.
 * - `ABORTED`: the engine is closed or the caller's signal fired before the work began.
 */
export type WorkflowErrorCode =
  | 'INVALID_ARGUMENTS'
  | 'UNKNOWN_TOOL'
  | 'UNKNOWN_CONTINUATION'
  | 'RUN_NOT_FOUND'
  | 'RUN_FINISHED'
  | 'CONFLICT'
  | 'FENCED'
  | 'LOCKED'
  | 'STORE_FAILED'
  | 'NON_DETERMINISTIC'
  | 'UNSUPPORTED_VERSION'
  | 'ABORTED';

/** Failure of this package. A run that ends without success is no error: see {@link StopReason}. */
export class WorkflowError extends Error {
  override readonly name = 'WorkflowError';
  readonly code: WorkflowErrorCode;

  constructor(code: WorkflowErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for an error of this class. */
  static is(error: unknown): error is WorkflowError {
    return error instanceof WorkflowError;
  }
}
