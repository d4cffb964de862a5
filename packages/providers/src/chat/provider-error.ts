import type { BudgetSource, Phase } from '../timeouts/phase.ts';

/** Every way a call can fail. */
export type ProviderErrorCode =
  | 'AUTH'
  | 'PERMISSION'
  | 'QUOTA_EXHAUSTED'
  | 'QUOTA_WINDOW'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'MODEL_NOT_FOUND'
  | 'INVALID_REQUEST'
  | 'CONTEXT_OVERFLOW'
  | 'CONTENT_FILTER'
  | 'SERVER_ERROR'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'TRUNCATED'
  | 'MALFORMED_STREAM'
  | 'MALFORMED_OUTPUT'
  | 'EMPTY_RESPONSE'
  | 'ABORTED'
  | 'DEADLINE_EXCEEDED'
  | 'CIRCUIT_OPEN'
  | 'OVER_CAPACITY'
  | 'PERMIT_LOST'
  | 'SLOW_CONSUMER';

/** Which time budget ended a call. */
export interface TimeoutDetail {
  readonly phase: Phase;
  readonly budgetMs: number;
  readonly elapsedMs: number;
  readonly source: BudgetSource;
}

/** What had arrived when a call failed. Content: not part of the JSON form. */
export interface PartialResult {
  readonly text: string;
  readonly reasoning: string;
}

/** One request of a failed call. */
export interface AttemptInfo {
  readonly attempt: number;
  readonly code: ProviderErrorCode;
  readonly status?: number;
  readonly durationMs: number;
}

/** What a failure is, before it is known whose call it ends. */
export interface ErrorClass {
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly message: string;
  readonly status?: number;
  /** The provider's own code or type. */
  readonly upstreamCode?: string;
  readonly hint?: string;
  readonly retryAfterMs?: number;
  readonly resetAt?: number;
  /** Field of the request that was refused. */
  readonly field?: string;
  readonly timeout?: TimeoutDetail;
  /** Multiple of the usual back-off before the next try. @defaultValue 1 */
  readonly backoffFactor?: number;
  /** The provider refused because of this account's load: the gate should shrink. */
  readonly overload?: boolean;
  /** Tokens the model takes, as the error text says. */
  readonly contextTokens?: number;
}

/** The call an error belongs to. */
export interface ErrorContext {
  readonly provider: string;
  readonly model: string;
  readonly requestId?: string | undefined;
  readonly attempts?: readonly AttemptInfo[] | undefined;
  readonly partial?: PartialResult | undefined;
  readonly cause?: unknown;
}

/** JSON form of a {@link ProviderError}: no prompt, no answer, no key. */
export interface ProviderErrorJSON {
  readonly name: 'ProviderError';
  readonly code: ProviderErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly provider: string;
  readonly model: string;
  readonly requestId?: string;
  readonly status?: number;
  readonly upstreamCode?: string;
  readonly hint?: string;
  readonly field?: string;
  readonly retryAfterMs?: number;
  readonly resetAt?: number;
  readonly timeout?: TimeoutDetail;
  readonly contextTokens?: number;
  readonly attempts: readonly AttemptInfo[];
}

/** Why a call failed: a `code` from a closed union, whether asking again can help, and when. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: ProviderErrorCode;
  /** True when the same request may succeed later. */
  readonly retryable: boolean;
  readonly provider: string;
  readonly model: string;
  readonly attempts: readonly AttemptInfo[];
  declare readonly requestId?: string;
  declare readonly status?: number;
  /** The provider's own code or type. */
  declare readonly upstreamCode?: string;
  /** What to do about it. */
  declare readonly hint?: string;
  /** Path in the request, where one field is to blame. */
  declare readonly field?: string;
  /** Milliseconds to wait, as the provider asked. */
  declare readonly retryAfterMs?: number;
  /** Epoch milliseconds at which a used-up window opens again. */
  declare readonly resetAt?: number;
  declare readonly timeout?: TimeoutDetail;
  /** The window the provider named when it refused a conversation as too long. */
  declare readonly contextTokens?: number;
  /** What had arrived. Not enumerable, so that logs do not show it. */
  declare readonly partial?: PartialResult;

  constructor(error: ErrorClass, context: ErrorContext) {
    super(error.message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = error.code;
    this.retryable = error.retryable;
    this.provider = context.provider;
    this.model = context.model;
    this.attempts = context.attempts ?? [];
    if (context.requestId !== undefined) this.requestId = context.requestId;
    if (error.status !== undefined) this.status = error.status;
    if (error.upstreamCode !== undefined) this.upstreamCode = error.upstreamCode;
    if (error.hint !== undefined) this.hint = error.hint;
    if (error.field !== undefined) this.field = error.field;
    if (error.retryAfterMs !== undefined) this.retryAfterMs = error.retryAfterMs;
    if (error.resetAt !== undefined) this.resetAt = error.resetAt;
    if (error.timeout !== undefined) this.timeout = error.timeout;
    if (error.contextTokens !== undefined) this.contextTokens = error.contextTokens;
    Object.defineProperty(this, 'partial', { value: context.partial, enumerable: false });
  }

  /** True for an error of any copy of this class. */
  static is(value: unknown): value is ProviderError {
    return value instanceof Error && value.name === 'ProviderError' && 'retryable' in value && 'code' in value;
  }

  toJSON(): ProviderErrorJSON {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      provider: this.provider,
      model: this.model,
      ...(this.requestId !== undefined && { requestId: this.requestId }),
      ...(this.status !== undefined && { status: this.status }),
      ...(this.upstreamCode !== undefined && { upstreamCode: this.upstreamCode }),
      ...(this.hint !== undefined && { hint: this.hint }),
      ...(this.field !== undefined && { field: this.field }),
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
      ...(this.resetAt !== undefined && { resetAt: this.resetAt }),
      ...(this.timeout !== undefined && { timeout: this.timeout }),
      ...(this.contextTokens !== undefined && { contextTokens: this.contextTokens }),
      attempts: this.attempts,
    };
  }
}
