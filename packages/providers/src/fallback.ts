import type { CallOptions, ChatEvent, ChatModel, ChatRequest, ChatResult, ChatStream } from './chat/chat-model.ts';
import { ProviderError, type ProviderErrorCode } from './chat/provider-error.ts';
import { CallStream, type RunnableCall } from './pipeline/call-stream.ts';
import { callClock } from './pipeline/call-clock.ts';
import type { CallSink } from './pipeline/chat-call.ts';
import { estimatePrompt } from './pipeline/prompt-size.ts';
import { systemClock } from './timeouts/clock.ts';

/** Options of {@link fallback}. */
export interface FallbackOptions {
  /** Failures after which the next model is asked. @defaultValue all that another model or account may not share */
  readonly on?: readonly ProviderErrorCode[];
}

const BY_DEFAULT: readonly ProviderErrorCode[] = [
  'AUTH',
  'PERMISSION',
  'QUOTA_EXHAUSTED',
  'QUOTA_WINDOW',
  'RATE_LIMITED',
  'OVERLOADED',
  'MODEL_NOT_FOUND',
  'SERVER_ERROR',
  'NETWORK',
  'TIMEOUT',
  'CIRCUIT_OPEN',
  'OVER_CAPACITY',
  'EMPTY_RESPONSE',
  'TRUNCATED',
  'MALFORMED_STREAM',
  'MALFORMED_OUTPUT',
];
const SLOW_CONSUMER_MS = 10_000;
const SEMANTIC: ReadonlySet<ChatEvent['type']> = new Set(['reasoning', 'text', 'tool-start', 'tool-call', 'source']);

/**
 * One model out of several: each call asks the first, and the next one when it fails before it said anything. Models whose
 * window is too small for the prompt are passed over. Order: as given.
 *
 * @throws RangeError for an empty list.
 */
export function fallback(models: readonly ChatModel[], options: FallbackOptions = {}): ChatModel {
  const first = models[0];
  if (first === undefined) throw new RangeError('models must not be empty');
  const codes = new Set(options.on ?? BY_DEFAULT);
  const limits = { clock: callClock(systemClock), bufferBytes: undefined, slowConsumerMs: SLOW_CONSUMER_MS };
  const call = (request: ChatRequest, callOptions: CallOptions, sink: CallSink): FallbackCall =>
    new FallbackCall({ models, codes, request, options: callOptions, sink });
  return {
    provider: first.provider,
    modelId: first.modelId,
    info: first.info,
    stream: (request: ChatRequest, callOptions: CallOptions = {}): ChatStream =>
      new CallStream(limits, (sink) => call(request, callOptions, sink)),
    generate: (request: ChatRequest, callOptions: CallOptions = {}): Promise<ChatResult> =>
      call(request, callOptions, { emit: () => undefined, room: () => undefined, isBlind: true }).run(),
  };
}

class FallbackCall implements RunnableCall {
  readonly #models: readonly ChatModel[];
  readonly #codes: ReadonlySet<ProviderErrorCode>;
  readonly #request: ChatRequest;
  readonly #options: CallOptions;
  readonly #sink: CallSink;
  readonly #abort = new AbortController();
  #spoke = false;

  constructor(call: {
    models: readonly ChatModel[];
    codes: ReadonlySet<ProviderErrorCode>;
    request: ChatRequest;
    options: CallOptions;
    sink: CallSink;
  }) {
    this.#models = call.models;
    this.#codes = call.codes;
    this.#request = call.request;
    this.#options = call.options;
    this.#sink = call.sink;
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  async run(): Promise<ChatResult> {
    const usable = this.#usable();
    for (const [i, model] of usable.entries()) {
      try {
        return await this.#ask(model);
      } catch (error) {
        if (i === usable.length - 1 || !this.#isNext(error)) throw error;
        this.#sink.emit({ type: 'retry', attempt: error.attempts.length + 1, delayMs: 0, error: error.toJSON() });
      }
    }
    throw new RangeError('models must not be empty');
  }

  /** The models the prompt fits into; all, when it fits into none, so that the first one's refusal is seen. */
  #usable(): readonly ChatModel[] {
    const tokens = estimatePrompt(this.#request);
    const fitting = this.#models.filter((model) => model.info.contextTokens >= tokens);
    return fitting.length === 0 ? this.#models : fitting;
  }

  #isNext(error: unknown): error is ProviderError {
    return ProviderError.is(error) && this.#codes.has(error.code) && (!this.#spoke || this.#isUnseen());
  }

  #isUnseen(): boolean {
    return this.#sink.isBlind && this.#options.onEvent === undefined;
  }

  async #ask(model: ChatModel): Promise<ChatResult> {
    if (this.#isUnseen()) return model.generate(this.#request, this.#options);
    const stream = model.stream(this.#request, this.#options);
    const stop = (): void => stream.abort(this.#abort.signal.reason);
    this.#abort.signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const event of stream) {
        if (SEMANTIC.has(event.type)) this.#spoke = true;
        this.#sink.emit(event);
        await this.#sink.room();
      }
      return await stream.final();
    } finally {
      this.#abort.signal.removeEventListener('abort', stop);
    }
  }
}
