import type { FinishReason } from '../chat/chat-model.ts';
import type { Usage } from '../chat/usage.ts';
import type { AttemptEnd } from '../timeouts/attempt-record.ts';
import { Watchdog } from '../timeouts/watchdog.ts';
import { Answer } from '../wire/answer.ts';
import { abortable, linkSignals } from './abortable.ts';
import { Failure } from '../chat/failure.ts';
import type { AttemptTask } from './attempt-task.ts';
import { HEDGED } from './hedged.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import { ResponseReader } from './response-reader.ts';
import { toFailure } from './to-failure.ts';

/** An attempt that gave a whole answer. */
export interface AttemptAnswer {
  readonly answer: Answer;
  readonly reason: FinishReason;
  /** What the other attempt of a hedged pair used; not known when it was cut before the provider reported it. */
  readonly lost?: { readonly usage: Usage; readonly isKnown: boolean };
}

/**
 * Sends one request and reads its answer to the last byte. Gives the permit back and ends the watchdog on every path.
 *
 * @throws Failure
 */
export async function runAttempt(runtime: ProviderRuntime, task: AttemptTask): Promise<AttemptAnswer> {
  const watchdog = watch(runtime, task);
  const link = linkSignals([task.signal, task.permit?.signal, watchdog.signal]);
  const answer = new Answer({ dialect: task.dialect, toolNames: task.toolNames, emit: task.emit });
  let release: 'ok' | 'ignore' | 'overload' = 'ignore';
  let end: AttemptEnd = 'failed';
  try {
    const response = await send(runtime, task, link.signal);
    const reader = new ResponseReader({ runtime, task, watchdog, answer, signal: link.signal });
    const reason = await reader.read(response);
    release = 'ok';
    end = 'done';
    return { answer, reason };
  } catch (error) {
    const failure = toFailure(error, { task, watchdog, answer, signal: link.signal });
    if (failure.error.overload === true) release = 'overload';
    end = endOf(failure, task.signal);
    throw failure;
  } finally {
    link.unlink();
    watchdog.end(end);
    task.permit?.release(release);
  }
}

function endOf(failure: Failure, signal: AbortSignal): AttemptEnd {
  if (signal.reason === HEDGED) return 'hedged';
  return failure.error.code === 'ABORTED' ? 'aborted' : 'failed';
}

function watch(runtime: ProviderRuntime, task: AttemptTask): Watchdog {
  const { timeouts } = runtime;
  const learned = timeouts.budgets(task.key, task.context);
  if (learned.hopeless) {
    task.permit?.release('ignore');
    throw Failure.deadline('before the first token could be expected');
  }
  const watchdog = new Watchdog(task.budgets(learned), {
    clock: timeouts.clock,
    onEnd: (seen) => timeouts.observe(task.key, ...seen),
  });
  watchdog.on('stalled', (info) => task.emit({ type: 'stalled', ...info }));
  watchdog.on('resumed', ({ phase, silentMs }) => task.emit({ type: 'resumed', phase, silentMs }));
  return watchdog;
}

async function send(runtime: ProviderRuntime, task: AttemptTask, signal: AbortSignal): Promise<Response> {
  const sending = runtime.transport.fetch(task.url, {
    method: 'POST',
    headers: task.headers,
    body: task.body,
    signal,
  });
  return abortable(sending, signal, (late) => {
    late.body?.cancel().catch(() => undefined);
  });
}
