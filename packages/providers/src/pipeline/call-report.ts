import type { CallOptions, ChatEvent, ChatResult, ChatWarning } from '../chat/chat-model.ts';
import type { Failure } from '../chat/failure.ts';
import { type AttemptInfo, type PartialResult, ProviderError } from '../chat/provider-error.ts';
import type { Endpoint } from './endpoint.ts';
import type { CallRef } from './provider-events.ts';
import type { ProviderRuntime } from './provider-runtime.ts';

/** What a call tells its reader and its provider's observers, and what it remembers for its result. */
export class CallReport {
  readonly requestId: string;
  readonly startedAt: number;
  /** Requests sent. */
  sent = 0;
  waitMs = 0;
  firstTokenMs: number | undefined;
  servedModel: string | undefined;
  readonly warnings: ChatWarning[] = [];
  readonly #runtime: ProviderRuntime;
  readonly #endpoint: Endpoint;
  readonly #emitToReader: (event: ChatEvent) => void;
  readonly #onEvent: CallOptions['onEvent'];
  readonly #attempts: AttemptInfo[] = [];

  constructor(
    runtime: ProviderRuntime,
    endpoint: Endpoint,
    call: { options: CallOptions; emit: (event: ChatEvent) => void },
  ) {
    this.#runtime = runtime;
    this.#endpoint = endpoint;
    this.#emitToReader = call.emit;
    this.#onEvent = call.options.onEvent;
    this.requestId = call.options.requestId ?? runtime.newId('req_');
    this.startedAt = runtime.clock.now();
  }

  /** Milliseconds since the call began. */
  get elapsedMs(): number {
    return this.#runtime.clock.now() - this.startedAt;
  }

  emit(event: ChatEvent): void {
    try {
      this.#onEvent?.(event);
    } catch {
      // An observer's failure is its own.
    }
    this.#emitToReader(event);
  }

  /** Hands an attempt's event on, and tells the provider's observers what they care about. */
  observe(event: ChatEvent): void {
    const { events } = this.#runtime;
    if (event.type === 'stalled') {
      const { phase, silentMs, budgetMs } = event;
      events.emit('stalled', { ...this.ref(), phase, silentMs, budgetMs });
    } else if (event.type === 'resumed') {
      events.emit('resumed', { ...this.ref(), phase: event.phase, silentMs: event.silentMs });
    } else if (event.type === 'warning') {
      const { code, message } = event;
      this.warnings.push({ code, message });
      events.emit('warning', { ...this.ref(), code, message });
    }
    this.emit(event);
  }

  /** Says that a permit is asked for. */
  waiting(): void {
    this.emit({ type: 'waiting' });
  }

  /** Counts a request about to be sent; the number of it. */
  attempt(waitedMs: number, hasPermit: boolean): number {
    this.waitMs += waitedMs;
    this.sent += 1;
    if (hasPermit) this.emit({ type: 'granted', waitedMs });
    this.#runtime.events.emit('attempt', { ...this.ref(), waitedMs });
    return this.sent;
  }

  start(attempt: number, servedModel: string | undefined): void {
    const { info, dialect } = this.#endpoint;
    const other = servedModel !== undefined && servedModel !== info.id ? servedModel : undefined;
    this.servedModel = other;
    this.emit({
      type: 'start',
      requestId: this.requestId,
      attempt,
      provider: dialect.provider,
      model: info.id,
      ...(other !== undefined && { servedModel: other }),
    });
  }

  firstToken(firstTokenMs: number): void {
    this.firstTokenMs ??= firstTokenMs;
    this.#runtime.events.emit('firstToken', { ...this.ref(), firstTokenMs });
  }

  hedge(): void {
    this.emit({ type: 'hedge', attempt: this.sent + 1 });
    this.#runtime.events.emit('hedged', this.ref(this.sent + 1));
  }

  /** Remembers a failed attempt. */
  note({ error }: Failure, startedAt: number): void {
    this.#attempts.push({
      attempt: this.sent,
      code: error.code,
      ...(error.status !== undefined && { status: error.status }),
      durationMs: this.#runtime.clock.now() - startedAt,
    });
  }

  retry(failure: Failure, delayMs: number): void {
    this.emit({ type: 'retry', attempt: this.sent + 1, delayMs, error: this.toError(failure).toJSON() });
    this.#runtime.events.emit('retried', { ...this.ref(), code: failure.error.code, delayMs });
  }

  finish(result: ChatResult, rawReason: string | undefined): void {
    const { usage, cost, finishReason, timings } = result;
    const priced = cost === undefined ? {} : { cost };
    const raw = rawReason === undefined ? {} : { rawReason };
    this.emit({ type: 'usage', usage, ...priced });
    this.emit({ type: 'finish', reason: finishReason, ...raw, timings });
    const { waitMs, firstTokenMs, totalMs: durationMs } = timings;
    this.#runtime.events.emit('finished', {
      ...this.ref(),
      usage,
      ...priced,
      waitMs,
      firstTokenMs,
      durationMs,
      finishReason,
    });
  }

  fail(failure: Failure): ProviderError {
    const { code, timeout } = failure.error;
    this.#runtime.events.emit('failed', {
      ...this.ref(),
      code,
      durationMs: this.elapsedMs,
      ...(timeout !== undefined && { phase: timeout.phase, source: timeout.source }),
    });
    return this.toError(failure);
  }

  toError(failure: Failure): ProviderError {
    return new ProviderError(failure.error, {
      provider: this.#endpoint.dialect.provider,
      model: this.#endpoint.info.id,
      requestId: this.requestId,
      attempts: [...this.#attempts],
      partial: hasContent(failure.partial) ? failure.partial : undefined,
      cause: failure.cause,
    });
  }

  ref(attempt: number = this.sent): CallRef {
    const { dialect, info } = this.#endpoint;
    return { provider: dialect.provider, model: info.id, requestId: this.requestId, attempt: Math.max(1, attempt) };
  }
}

function hasContent(partial: PartialResult | undefined): boolean {
  return partial !== undefined && (partial.text !== '' || partial.reasoning !== '');
}
