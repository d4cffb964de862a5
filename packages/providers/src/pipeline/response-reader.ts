import type { FinishReason } from '../chat/chat-model.ts';
import { isRecord, parseJson } from '../json-value.ts';
import type { Phase } from '../timeouts/phase.ts';
import type { Watchdog } from '../timeouts/watchdog.ts';
import type { Answer } from '../wire/answer.ts';
import type { Delta } from '../wire/delta.ts';
import { SseReader } from '../wire/sse-reader.ts';
import { abortable } from './abortable.ts';
import type { AttemptTask } from './attempt-task.ts';
import { Failure } from '../chat/failure.ts';
import type { ProviderRuntime } from './provider-runtime.ts';

/** After the finish reason only usage may follow; a provider that then keeps the stream open is not waited for longer. */
const AFTER_FINISH_MS = 5000;
/** How long the rest of a body behind `[DONE]` is awaited, so that the connection can be used again. */
const REST_MS = 1000;
/** Most bytes of an answer that is no event stream. */
const WHOLE_BODY_BYTES = 16 * 1024 * 1024;

const PHASE_OF: Readonly<Record<Delta['type'], Phase | undefined>> = {
  reasoning: 'reasoning',
  text: 'text',
  tool: 'tool-args',
  source: 'server-tool',
  finish: 'text',
  usage: undefined,
  model: undefined,
  error: undefined,
};

/** Reads one response into an answer, feeding the watchdog with what is progress and what is not. */
export class ResponseReader {
  readonly #runtime: ProviderRuntime;
  readonly #task: AttemptTask;
  readonly #watchdog: Watchdog;
  readonly #answer: Answer;
  readonly #signal: AbortSignal;
  readonly #startedAt: number;
  #phase: Phase | undefined;
  #started = false;
  #spoke = false;
  #done = false;
  #graceOver = false;
  #cancelGrace: (() => void) | undefined;

  constructor(options: {
    runtime: ProviderRuntime;
    task: AttemptTask;
    watchdog: Watchdog;
    answer: Answer;
    signal: AbortSignal;
  }) {
    this.#runtime = options.runtime;
    this.#task = options.task;
    this.#watchdog = options.watchdog;
    this.#answer = options.answer;
    this.#signal = options.signal;
    this.#startedAt = options.runtime.clock.now();
  }

  /** @throws Failure for everything that is no whole answer. */
  async read(response: Response): Promise<FinishReason> {
    this.#watchdog.liveness();
    if (!response.ok) throw new Failure(await this.#refusal(response));
    await this.#readBody(response);
    const end = this.#answer.end();
    if ('error' in end) throw new Failure(end.error);
    return end.reason;
  }

  async #refusal(response: Response): Promise<Failure['error']> {
    const text = await abortable(response.text(), this.#signal);
    return this.#task.dialect.toError({
      status: response.status,
      body: parseJson(text) ?? text,
      headers: response.headers,
      now: this.#runtime.clock.epoch(),
    });
  }

  async #readBody(response: Response): Promise<void> {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const stop = (): void => void reader.cancel().catch(() => undefined);
    this.#signal.addEventListener('abort', stop, { once: true });
    const sse = new SseReader((data) => this.#onData(data));
    const whole: string[] = [];
    try {
      await this.#pump(reader, sse, whole, stop);
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (!this.#answer.isFinished) throw error;
    } finally {
      this.#signal.removeEventListener('abort', stop);
      this.#cancelGrace?.();
      if (this.#done) this.#takeRest(reader);
      else stop();
    }
    if (this.#signal.aborted && !this.#answer.isFinished) throw this.#signal.reason;
    sse.end();
    if (whole.length > 0) this.#onWhole(whole.join(''));
  }

  async #pump(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    sse: SseReader,
    whole: string[],
    stop: () => void,
  ): Promise<void> {
    const text = new TextDecoder();
    let isStream: boolean | undefined;
    let bytes = 0;
    while (!this.#done && this.#answer.error === undefined) {
      const { done, value } = await reader.read();
      if (done || this.#graceOver) break;
      bytes += value.byteLength;
      isStream ??= looksLikeStream(value);
      if (isStream === false) {
        if (bytes > WHOLE_BODY_BYTES) throw new Failure(malformed('the body is too long and no event stream'));
        whole.push(text.decode(value, { stream: true }));
        this.#watchdog.liveness();
        continue;
      }
      sse.push(value);
      this.#report();
      if (this.#answer.isFinished) this.#armGrace(stop);
      const room = this.#task.room();
      if (room !== undefined) await this.#waitFor(room);
    }
  }

  #onData(data: string): void {
    if (this.#done) return;
    if (data.trimStart().startsWith('[DONE]')) {
      this.#done = true;
      return;
    }
    const chunk = parseJson(data);
    if (chunk !== undefined) {
      this.#apply(chunk);
      return;
    }
    const message = 'a line of the stream is not valid JSON';
    if (this.#task.badLines === 'fail') throw new Failure(malformed(message));
    this.#task.emit({ type: 'warning', code: 'BAD_LINE_SKIPPED', message });
  }

  #onWhole(text: string): void {
    const body = parseJson(text);
    if (isRecord(body)) {
      this.#apply(body);
      this.#report();
      return;
    }
    const what = text.trimStart().startsWith('<') ? 'an HTML page' : 'text that is no JSON';
    throw new Failure(malformed(`the provider answered with ${what} instead of a stream`));
  }

  #apply(chunk: unknown): void {
    const now = this.#runtime.clock.epoch();
    for (const delta of this.#task.dialect.toDeltas(chunk)) {
      if (!this.#started && delta.type !== 'error') {
        this.#started = true;
        this.#task.onStart(delta.type === 'model' ? delta.model : undefined);
      }
      const phase = PHASE_OF[delta.type];
      if (phase !== undefined) this.#phase = phase;
      if (delta.type === 'usage') this.#task.onUsage?.(delta.usage);
      this.#answer.apply(delta, now);
    }
  }

  /** Tells the watchdog what the last read was: progress in a phase, or only a sign of life. */
  #report(): void {
    const phase = this.#phase;
    this.#phase = undefined;
    if (phase === undefined) {
      this.#watchdog.liveness();
      return;
    }
    if (!this.#spoke) {
      this.#spoke = true;
      this.#task.onFirstToken(this.#runtime.clock.now() - this.#startedAt);
    }
    this.#watchdog.progress(phase);
  }

  #armGrace(stop: () => void): void {
    this.#cancelGrace ??= this.#runtime.clock.after(AFTER_FINISH_MS, () => {
      this.#graceOver = true;
      stop();
    });
  }

  async #waitFor(room: Promise<void>): Promise<void> {
    this.#watchdog.pause();
    await abortable(room, this.#signal);
    this.#watchdog.resume();
  }

  #takeRest(reader: ReadableStreamDefaultReader<Uint8Array>): void {
    const cancel = (): void => void reader.cancel().catch(() => undefined);
    const giveUp = this.#runtime.clock.after(REST_MS, cancel);
    const rest = async (): Promise<void> => {
      while (!(await reader.read()).done);
    };
    rest()
      .catch(() => undefined)
      .finally(giveUp);
  }
}

/** False for JSON and HTML: an event stream begins with a field name, a comment or an empty line. */
function looksLikeStream(bytes: Uint8Array): boolean | undefined {
  for (const byte of bytes) {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
    return byte !== 0x7b && byte !== 0x5b && byte !== 0x3c;
  }
  return undefined;
}

function malformed(message: string): Failure['error'] {
  return { code: 'MALFORMED_STREAM', retryable: true, message };
}
