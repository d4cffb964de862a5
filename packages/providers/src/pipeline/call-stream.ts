import type { ChatEvent, ChatResult, ChatStream } from '../chat/chat-model.ts';
import type { CallSink } from './chat-call.ts';
import { EventBuffer } from './event-buffer.ts';
import { Failure } from '../chat/failure.ts';
import type { Clock } from '../timeouts/clock.ts';

/** A call that can be run once. */
export interface RunnableCall {
  readonly run: () => Promise<ChatResult>;
  readonly abort: (reason: unknown) => void;
}

/** How much of an answer is kept for a slow reader, and for how long it may stay unread. */
export interface StreamLimits {
  readonly clock: Clock;
  readonly bufferBytes: number | undefined;
  readonly slowConsumerMs: number;
}

/** The stream of one call: reads the provider at its own pace and keeps a bounded part for the reader. */
export class CallStream implements ChatStream {
  readonly #limits: StreamLimits;
  readonly #buffer: EventBuffer;
  readonly #call: RunnableCall;
  #running: Promise<ChatResult> | undefined;
  #isRead = false;
  #isAwaited = false;

  constructor(limits: StreamLimits, create: (sink: CallSink) => RunnableCall) {
    this.#limits = limits;
    this.#buffer = new EventBuffer(limits.bufferBytes);
    this.#call = create({
      emit: (event) => this.#buffer.push(event),
      room: () => this.#room(),
      isBlind: false,
    });
  }

  final(): Promise<ChatResult> {
    this.#isAwaited = true;
    return this.#start();
  }

  abort(reason?: unknown): void {
    this.#call.abort(reason);
  }

  [Symbol.asyncIterator](): AsyncIterator<ChatEvent, undefined> {
    this.#isRead = true;
    return {
      next: () => {
        // Failures reach the reader through the buffer.
        if (this.#running === undefined) this.#start().catch(ignore);
        return this.#buffer.next();
      },
      return: async () => {
        if (this.#running !== undefined) this.#leave();
        return { done: true, value: undefined };
      },
    };
  }

  #start(): Promise<ChatResult> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<ChatResult> {
    try {
      const result = await this.#call.run();
      this.#buffer.end();
      return result;
    } catch (error) {
      this.#buffer.end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** The reader has gone: unless somebody waits for the whole answer, nobody wants it. */
  #leave(): void {
    this.#buffer.discard();
    if (!this.#isAwaited) this.#call.abort(new Error('the reader left'));
  }

  #room(): Promise<void> | undefined {
    if (!this.#buffer.isFull) return undefined;
    if (this.#isAwaited && !this.#isRead) {
      this.#buffer.discard(new Error('the events were dropped: nobody read them while final() was awaited'));
      return undefined;
    }
    return this.#waitForRoom();
  }

  async #waitForRoom(): Promise<void> {
    const { clock, slowConsumerMs } = this.#limits;
    let cancel = (): void => undefined;
    const tooSlow = new Promise<never>((_, reject) => {
      cancel = clock.after(slowConsumerMs, () => reject(new Failure(slowConsumer(slowConsumerMs))));
    });
    try {
      await Promise.race([this.#buffer.room(), tooSlow]);
    } finally {
      cancel();
    }
  }
}

function slowConsumer(ms: number): Failure['error'] {
  const message = `the reader left the buffer full for ${ms} ms`;
  return { code: 'SLOW_CONSUMER', retryable: false, message };
}

function ignore(): void {
  // Told elsewhere.
}
