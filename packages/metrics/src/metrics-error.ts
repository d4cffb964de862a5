/**
 * What a {@link MetricsError} says went wrong.
 *
 * - `INVALID_REGISTRY`: `registry` lacks a method of the registry shape.
 * - `NAME_TAKEN`: the registry already holds a foreign metric of one of our names.
 * - `OPTIONS_CONFLICT`: `createMetrics` was called before on this registry, with other options.
 * - `INVALID_OPTION`: an option is out of its range.
 * - `INVALID_COMPONENT`: an observed object lacks a method, or its `stats()` has another shape.
 * - `ALREADY_OBSERVED`: another component or an earlier helper call feeds the same label sets.
 * - `INVALID_LABEL`: a helper got a label value outside its closed set.
 * - `INVALID_VALUE`: a helper got a value that is not finite, is negative, or counts nothing.
 * - `CLOSED`: the call came after `close()`.
 */
export type MetricsErrorCode =
  | 'INVALID_REGISTRY'
  | 'NAME_TAKEN'
  | 'OPTIONS_CONFLICT'
  | 'INVALID_OPTION'
  | 'INVALID_COMPONENT'
  | 'ALREADY_OBSERVED'
  | 'INVALID_LABEL'
  | 'INVALID_VALUE'
  | 'CLOSED';

/** The one error of this package. Thrown by the call that is wrong, never by a scrape. */
export class MetricsError extends Error {
  override readonly name: string = 'MetricsError';
  readonly code: MetricsErrorCode;

  constructor(code: MetricsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for an error of this package, from any copy of it. */
  static is(error: unknown): error is MetricsError {
    return error instanceof Error && error.name === 'MetricsError' && 'code' in error;
  }
}
