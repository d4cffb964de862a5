import { noFrames, type CallEnd, type CallSink, type Driver } from './driver.ts';
import { endOfFailure, endOfStatus } from './http-driver.ts';
import { isObject } from './json-schema.ts';
import { LazyPool } from './lazy-pool.ts';
import { outcomeOfCode } from './outcome.ts';
import { PromiseConnection } from './promise-connection.ts';

/** How a model is asked over the chat completions format. */
export interface OpenAiSseOptions {
  /** The completions endpoint, such as `http://127.0.0.1:8000/v1/chat/completions`. */
  url: string;
  model: string;
  apiKey?: string;
  /** Sockets at most. @defaultValue 100 */
  connections?: number;
  /** Further fields of the body. */
  body?: Readonly<Record<string, unknown>>;
}

const CHARS_PER_TOKEN = 4;

/** Asks a model directly and reads its stream; a stream that ends without a finish reason, or with an error, is a failure. */
export function openaiSse(options: OpenAiSseOptions): Driver {
  const url = new URL(options.url);
  const sockets = new LazyPool(url.origin, options.connections);
  const wire = noFrames();
  const headers = {
    'content-type': 'application/json',
    accept: 'text/event-stream',
    ...(options.apiKey !== undefined && { authorization: `Bearer ${options.apiKey}` }),
  };
  return {
    kind: 'openai-sse',
    wire,
    info: () => ({ kind: 'openai-sse', url: options.url }),
    async connect() {
      const pool = await sockets.open();
      wire.connectsTried += 1;
      wire.connectsOpened += 1;
      return new PromiseConnection(async ({ arguments: args }, signal, sink) => {
        const { prompt, simulate } = args;
        const body = JSON.stringify({
          model: options.model,
          stream: true,
          messages: [{ role: 'user', content: prompt }],
          ...(simulate !== undefined && { simulate }),
          ...options.body,
        });
        wire.framesSent += 1;
        const response = await pool
          .request({ path: `${url.pathname}${url.search}`, method: 'POST', headers, body, signal })
          .catch(endOfFailure);
        if ('outcome' in response) return response;
        if (response.statusCode >= 300) {
          await response.body.dump();
          return endOfStatus(response.statusCode, response.headers);
        }
        return readStream(response.body, sink, () => (wire.framesReceived += 1));
      });
    },
    close: () => sockets.close(),
  };
}

async function readStream(body: AsyncIterable<unknown>, sink: CallSink, onEvent: () => void): Promise<CallEnd> {
  const reader = new EventReader(sink, onEvent);
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) {
      reader.push(chunk instanceof Uint8Array ? decoder.decode(chunk, { stream: true }) : String(chunk));
    }
  } catch (error) {
    return endOfFailure(error);
  }
  return reader.end();
}

class EventReader {
  readonly #sink: CallSink;
  readonly #onEvent: () => void;
  #rest = '';
  #failure: CallEnd | undefined;
  #isFinished = false;
  #tokens: number | undefined;

  constructor(sink: CallSink, onEvent: () => void) {
    this.#sink = sink;
    this.#onEvent = onEvent;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data:')) this.#take(line.slice(5).trim());
  }

  end(): CallEnd {
    if (this.#failure) return this.#failure;
    const used = this.#tokens === undefined ? {} : { tokens: this.#tokens };
    return this.#isFinished ? { outcome: 'ok', ...used } : { outcome: 'protocol_error', code: 'TRUNCATED' };
  }

  #take(data: string): void {
    this.#onEvent();
    if (data === '[DONE]') {
      // Some servers send no finish reason; the marker is an end as well.
      this.#isFinished = true;
      return;
    }
    const event = parse(data);
    if (!isObject(event)) {
      this.#failure ??= { outcome: 'protocol_error', code: 'MALFORMED' };
      return;
    }
    const { error, choices, usage } = event;
    if (isObject(usage) && typeof usage['total_tokens'] === 'number') this.#tokens = usage['total_tokens'];
    if (isObject(error)) {
      const code = typeof error['code'] === 'string' ? error['code'] : 'IN_BAND';
      this.#failure ??= { outcome: outcomeOfCode(code), code };
    }
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
    if (isObject(choice)) this.#takeChoice(choice);
  }

  #takeChoice({ delta, finish_reason: reason }: Record<string, unknown>): void {
    const content = isObject(delta) ? (delta['content'] ?? delta['reasoning_content']) : undefined;
    if (typeof content === 'string' && content !== '') this.#sink.piece(content.length / CHARS_PER_TOKEN);
    else this.#sink.event();
    if (typeof reason === 'string') this.#isFinished = true;
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
