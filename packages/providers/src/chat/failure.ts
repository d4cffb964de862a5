import type { ErrorClass, PartialResult } from './provider-error.ts';

/** An attempt or call that failed, before it becomes a `ProviderError`. Also the reason our own signals abort with. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly error: ErrorClass;
  readonly partial: PartialResult | undefined;
  /** True when part of the answer was already handed on. */
  readonly emitted: boolean;

  constructor(error: ErrorClass, extra: { cause?: unknown; partial?: PartialResult; emitted?: boolean } = {}) {
    super(error.message, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.error = error;
    this.partial = extra.partial;
    this.emitted = extra.emitted ?? false;
  }

  static aborted(cause: unknown): Failure {
    return new Failure({ code: 'ABORTED', retryable: false, message: 'the call was aborted' }, { cause });
  }

  static deadline(where: string): Failure {
    return new Failure({ code: 'DEADLINE_EXCEEDED', retryable: false, message: `the deadline passed ${where}` });
  }
}
