import type { ErrorClass } from '../chat/provider-error.ts';
import { isRecord, textOf } from '../json-value.ts';
import { TimeoutReason } from '../timeouts/timeout-reason.ts';
import type { Watchdog } from '../timeouts/watchdog.ts';
import type { Answer } from '../wire/answer.ts';
import type { AttemptTask } from './attempt-task.ts';
import { Failure } from '../chat/failure.ts';

/** What ended an attempt: our own signals first, then what the provider said, then the network. */
export function toFailure(
  error: unknown,
  context: { task: AttemptTask; watchdog: Watchdog; answer: Answer; signal: AbortSignal },
): Failure {
  const { task, answer, signal } = context;
  const partial = { text: answer.text, reasoning: answer.reasoning };
  const emitted = partial.text !== '' || partial.reasoning !== '' || answer.hasCalls;
  const found = classify(error, context);
  const message = task.redact(found.error.message);
  const cause = found.cause ?? (signal.aborted ? undefined : error);
  return new Failure({ ...found.error, message }, { partial, emitted, cause: safeCause(cause) });
}

function classify(
  error: unknown,
  { task, watchdog, signal }: { task: AttemptTask; watchdog: Watchdog; signal: AbortSignal },
): { error: ErrorClass; cause?: unknown } {
  if (error instanceof Failure && !signal.aborted) return { error: error.error, cause: error.cause };
  if (task.signal.aborted) {
    const reason: unknown = task.signal.reason;
    if (reason instanceof Failure) return { error: reason.error, cause: reason.cause };
    return { error: Failure.aborted(reason).error, cause: reason };
  }
  if (TimeoutReason.is(watchdog.signal.reason)) return { error: timedOut(watchdog.signal.reason) };
  if (task.permit?.signal.aborted === true) {
    const message = 'the permit was taken back while the attempt ran';
    return { error: { code: 'PERMIT_LOST', retryable: false, message }, cause: task.permit.signal.reason };
  }
  if (error instanceof Failure) return { error: error.error, cause: error.cause };
  return { error: network(error), cause: error };
}

function timedOut(reason: TimeoutReason): ErrorClass {
  const { phase, budgetMs, elapsedMs, source } = reason;
  if (source === 'deadline') return Failure.deadline(`in phase ${phase}`).error;
  return { code: 'TIMEOUT', retryable: true, message: reason.message, timeout: { phase, budgetMs, elapsedMs, source } };
}

/** Codes with which undici ends a request because of time. */
const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

function network(error: unknown): ErrorClass {
  const code = codeOf(error) ?? (error instanceof Error ? codeOf(error.cause) : undefined);
  const message = error instanceof Error ? error.message : String(error);
  const detail = code === undefined ? '' : ` (${code})`;
  const isTimeout = code !== undefined && TIMEOUT_CODES.has(code);
  return {
    code: isTimeout ? 'TIMEOUT' : 'NETWORK',
    retryable: true,
    message: `the connection failed: ${message}${detail}`,
    ...(code !== undefined && { upstreamCode: code }),
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error
    ? textOf(Reflect.get(error, 'code'))
    : isRecord(error)
      ? textOf(error['code'])
      : undefined;
}

/** Keeps the cause of network errors and aborts, which hold neither headers nor bodies. */
function safeCause(cause: unknown): unknown {
  return cause instanceof Failure ? cause.cause : cause;
}
