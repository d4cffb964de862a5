import type { AnswerEvent } from './wire/answer.ts';
import { Answer } from './wire/answer.ts';
import type { FinishReason } from './chat/chat-model.ts';
import { type ErrorClass, ProviderError } from './chat/provider-error.ts';
import type { Usage } from './chat/usage.ts';
import { glmDialect } from './glm/glm-dialect.ts';
import { parseJson } from './json-value.ts';
import { kimiDialect } from './kimi/kimi-dialect.ts';
import type { Dialect } from './wire/dialect.ts';
import { SseReader } from './wire/sse-reader.ts';

/** What a decoded stream gives: the events of the answer, then how it ended. */
export type DecodedEvent = AnswerEvent | { type: 'end'; reason: FinishReason; usage: Usage; servedModel?: string };

/** Options of {@link decodeChat}. */
export interface DecodeOptions {
  /** See `GLMOptions.leakGuard`. @defaultValue false */
  readonly leakGuard?: boolean;
  /** @defaultValue 'fail' */
  readonly badLines?: 'fail' | 'skip';
}

/**
 * Decodes the bytes of a GLM or Kimi event stream without any network: the same decoder the models use, for recorded
 * streams and other hosts.
 *
 * @throws ProviderError when the stream is no whole answer.
 */
export async function* decodeChat(
  bytes: AsyncIterable<Uint8Array>,
  provider: 'glm' | 'kimi',
  options: DecodeOptions = {},
): AsyncGenerator<DecodedEvent, void, undefined> {
  const decoder = new Decoder(toDialect(provider, options), options.badLines ?? 'fail');
  for await (const part of bytes) {
    decoder.push(part);
    yield* decoder.take();
    if (decoder.isDone) break;
  }
  const end = decoder.end();
  yield* decoder.take();
  yield end;
}

function toDialect(provider: 'glm' | 'kimi', options: DecodeOptions): Dialect {
  if (provider === 'kimi') return kimiDialect({ keepThinking: true, webSearch: 'auto' });
  const leakGuard = options.leakGuard ?? false;
  return glmDialect({ region: 'intl', toolStream: true, preserveThinking: false, leakGuard });
}

class Decoder {
  isDone = false;
  readonly #dialect: Dialect;
  readonly #badLines: 'fail' | 'skip';
  readonly #answer: Answer;
  readonly #sse: SseReader;
  #events: DecodedEvent[] = [];

  constructor(dialect: Dialect, badLines: 'fail' | 'skip') {
    this.#dialect = dialect;
    this.#badLines = badLines;
    this.#answer = new Answer({ dialect, toolNames: new Map(), emit: (event) => this.#events.push(event) });
    this.#sse = new SseReader((data) => this.#onData(data));
  }

  push(bytes: Uint8Array): void {
    this.#sse.push(bytes);
  }

  /** The events since the last take. */
  take(): DecodedEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  end(): DecodedEvent {
    this.#sse.end();
    const end = this.#answer.end();
    if ('error' in end) throw this.#failed(end.error);
    const { usage, servedModel } = this.#answer;
    return { type: 'end', reason: end.reason, usage, ...(servedModel !== undefined && { servedModel }) };
  }

  #onData(data: string): void {
    if (this.isDone) return;
    if (data.startsWith('[DONE]')) {
      this.isDone = true;
      return;
    }
    const chunk = parseJson(data);
    if (chunk !== undefined) {
      for (const delta of this.#dialect.toDeltas(chunk)) this.#answer.apply(delta, Date.now());
      return;
    }
    const message = 'a line of the stream is not valid JSON';
    if (this.#badLines === 'fail') throw this.#failed({ code: 'MALFORMED_STREAM', retryable: true, message });
    this.#events.push({ type: 'warning', code: 'BAD_LINE_SKIPPED', message });
  }

  #failed(error: ErrorClass): ProviderError {
    const { text, reasoning } = this.#answer;
    return new ProviderError(error, { provider: this.#dialect.provider, model: '', partial: { text, reasoning } });
  }
}
