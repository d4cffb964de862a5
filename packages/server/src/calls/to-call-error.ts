import type { ErrorCode } from '../protocol/index.ts';

import { CallError, type CallErrorOptions } from './call-error.ts';
import { redact } from './redact.ts';

/** What the errors of the other layers have in common, also after a journal kept them. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly status?: number;
  readonly provider?: string;
}

const ACQUIRE: Readonly<Record<string, ErrorCode>> = {
  TIMEOUT: 'QUEUE_TIMEOUT',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  ABORTED: 'CANCELLED',
  OVER_CAPACITY: 'OVER_CAPACITY',
  SHED: 'OVER_CAPACITY',
  CLOSED: 'SERVER_DRAINING',
  DEADLOCK: 'INTERNAL',
  LOST: 'PERMIT_LOST',
};

const PROVIDER: Readonly<Record<string, ErrorCode>> = {
  RATE_LIMITED: 'RATE_LIMITED',
  QUOTA_WINDOW: 'RATE_LIMITED',
  ABORTED: 'CANCELLED',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  CIRCUIT_OPEN: 'CIRCUIT_OPEN',
  OVER_CAPACITY: 'OVER_CAPACITY',
  PERMIT_LOST: 'PERMIT_LOST',
  SLOW_CONSUMER: 'SLOW_CONSUMER',
};

const WORKFLOW: Readonly<Record<string, ErrorCode>> = {
  INVALID_ARGUMENTS: 'INVALID_ARGUMENTS',
  UNKNOWN_TOOL: 'UNKNOWN_TOOL',
  UNKNOWN_CONTINUATION: 'INVALID_ARGUMENTS',
  RUN_NOT_FOUND: 'INVALID_ARGUMENTS',
  RUN_FINISHED: 'INVALID_ARGUMENTS',
  CONFLICT: 'IDEMPOTENCY_CONFLICT',
  FENCED: 'INTERNAL',
  LOCKED: 'INTERNAL',
  STORE_FAILED: 'INTERNAL',
  NON_DETERMINISTIC: 'INTERNAL',
  UNSUPPORTED_VERSION: 'INTERNAL',
  ABORTED: 'CANCELLED',
};

const MAX_FOREIGN_MESSAGE = 300;

/** Says in the words of the wire why something failed, whatever layer it comes from. */
export function toCallError(error: unknown): CallError {
  if (CallError.is(error)) return error;
  const failure = readFailure(error);
  if (failure === undefined) return new CallError('INTERNAL', 'an unexpected error ended the call', { cause: error });
  const message = redact(failure.message).slice(0, MAX_FOREIGN_MESSAGE);
  switch (failure.name) {
    case 'AcquireError':
      return new CallError(ACQUIRE[failure.code] ?? 'INTERNAL', message, options(failure, error));
    case 'ProviderError':
      return new CallError(PROVIDER[failure.code] ?? 'PROVIDER_ERROR', message, options(failure, error));
    case 'WorkflowError':
      return new CallError(WORKFLOW[failure.code] ?? 'INTERNAL', message, options(failure, error));
    default:
      return new CallError('INTERNAL', 'an unexpected error ended the call', { cause: error });
  }
}

function options(failure: Failure, cause: unknown): CallErrorOptions {
  return {
    cause,
    ...(failure.retryable === undefined ? {} : { retryable: failure.retryable }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    details: {
      cause: failure.code,
      ...(failure.provider === undefined ? {} : { provider: failure.provider }),
      ...(failure.status === undefined ? {} : { upstreamStatus: failure.status }),
    },
  };
}

function readFailure(error: unknown): Failure | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const field = (name: string): unknown => Reflect.get(error, name);
  const [name, message, code] = [field('name'), field('message'), field('code')];
  if (typeof name !== 'string' || typeof message !== 'string' || typeof code !== 'string') return undefined;
  const [retryable, retryAfterMs, status, provider] = [
    field('retryable'),
    field('retryAfterMs'),
    field('status'),
    field('provider'),
  ];
  return {
    name,
    message,
    code,
    ...(typeof retryable === 'boolean' ? { retryable } : {}),
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof provider === 'string' ? { provider } : {}),
  };
}
