import type { ChatEvent } from '../chat/chat-model.ts';

/** Bytes of unread answer kept for a slow reader. */
export const BUFFER_BYTES: number = 4 * 1024 * 1024;

const BYTES_PER_CHAR = 2;
/** Taken events after which their places are freed. */
const COMPACT_AFTER = 1024;

interface Reader {
  readonly resolve: (result: IteratorResult<ChatEvent, undefined>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Holds what a reader has not taken yet. Neighbouring deltas of the same kind merge while they wait, so a reader that
 * lags gets fewer and longer ones.
 */
export class EventBuffer {
  readonly #limit: number;
  #events: ChatEvent[] = [];
  #head = 0;
  #bytes = 0;
  #discarding = false;
  #ended = false;
  #error: Error | undefined;
  #readers: Reader[] = [];
  #wakeWriter: (() => void)[] = [];

  constructor(limitBytes: number = BUFFER_BYTES) {
    this.#limit = limitBytes;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#limit;
  }

  /** Drops everything unread and everything to come: nobody reads. Whoever does so later gets `error`. */
  discard(error?: Error): void {
    this.#discarding = true;
    this.#error = error;
    this.#clear();
    this.#dismiss();
  }

  push(event: ChatEvent): void {
    if (this.#discarding || this.#ended) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: event });
      return;
    }
    this.#bytes += sizeOf(event);
    const last = this.#events.length > this.#head ? this.#events.at(-1) : undefined;
    const merged = last === undefined ? undefined : mergeDeltas(last, event);
    if (merged === undefined) this.#events.push(event);
    else this.#events[this.#events.length - 1] = merged;
  }

  end(error?: Error): void {
    this.#ended = true;
    this.#error ??= error;
    this.#dismiss();
    this.#wake();
  }

  /** Resolves when there is room again. */
  room(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeWriter.push(resolve);
    });
  }

  /** The next event, or the end. Rejects with what {@link end} was given. */
  next(): Promise<IteratorResult<ChatEvent, undefined>> {
    if (this.#events.length > this.#head) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended || this.#discarding) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** Tells readers that nothing more comes. */
  #dismiss(): void {
    const waiting = this.#readers;
    this.#readers = [];
    for (const { resolve, reject } of waiting) {
      if (this.#error === undefined) resolve({ done: true, value: undefined });
      else reject(this.#error);
    }
  }

  #take(): ChatEvent {
    const event = this.#events[this.#head];
    if (event === undefined) throw new RangeError('there is no event to take');
    this.#head += 1;
    if (this.#head === this.#events.length) this.#clear();
    else {
      this.#bytes -= sizeOf(event);
      if (this.#head === COMPACT_AFTER) this.#compact();
      if (!this.isFull) this.#wake();
    }
    return event;
  }

  #compact(): void {
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }

  #clear(): void {
    this.#events = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#wakeWriter;
    this.#wakeWriter = [];
    for (const wake of waiting) wake();
  }
}

function sizeOf(event: ChatEvent): number {
  return 'delta' in event ? event.delta.length * BYTES_PER_CHAR : JSON.stringify(event).length * BYTES_PER_CHAR;
}

function mergeDeltas(last: ChatEvent, next: ChatEvent): ChatEvent | undefined {
  if (!('delta' in last) || !('delta' in next) || last.type !== next.type) return undefined;
  if (last.type === 'tool-delta' && next.type === 'tool-delta' && last.index !== next.index) return undefined;
  return { ...last, delta: last.delta + next.delta };
}
