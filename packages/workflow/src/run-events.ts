import type { JournalRecord } from './journal.ts';
import type { ModelEvent } from './model.ts';

/** Text as the model writes it. May be dropped for a slow reader; the whole text comes in `model.finished`. */
export interface ModelDelta {
  readonly type: 'model.delta';
  readonly step: number;
  readonly text: string;
}

/** What the model call is doing (waiting, granted, stalled, resumed, retry, reasoning). May be dropped. */
export interface ModelProgress {
  readonly type: 'model.event';
  readonly step: number;
  readonly event: ModelEvent;
}

/** An event that is not in the journal: `seq` is that of the last record before it. */
export type TransientEvent = (ModelDelta | ModelProgress) & { readonly seq: number; readonly at: number };

/** One thing that happened in a run. Apart from deltas and model events it is a record of the journal. */
export type RunEvent = (JournalRecord | TransientEvent) & { readonly runId: string };

/** Transient events kept for a reader that lags; older ones are dropped. */
const MAX_TRANSIENT = 1_000;

/** Tells whether an event is not in the journal and may be dropped. */
export function isTransient(event: RunEvent): boolean {
  return event.type === 'model.delta' || event.type === 'model.event';
}

/** Hands the events of one run to any number of readers, each at its own pace; a slow reader holds nobody up. */
export class EventHub {
  readonly #readers = new Set<Reader>();
  #ended = false;

  publish(event: RunEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  /** No event comes after this. */
  end(): void {
    this.#ended = true;
    for (const reader of this.#readers) reader.end();
  }

  /** Past events (asked for when the reader starts), then everything published from then on. */
  async *read(past: () => readonly RunEvent[]): AsyncGenerator<RunEvent, void, undefined> {
    const reader = new Reader();
    if (this.#ended) reader.end();
    this.#readers.add(reader);
    try {
      yield* past();
      for (let event = await reader.next(); event !== undefined; event = await reader.next()) yield event;
    } finally {
      this.#readers.delete(reader);
    }
  }
}

class Reader {
  #queue: RunEvent[] = [];
  #transient = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  push(event: RunEvent): void {
    if (isTransient(event) && ++this.#transient > MAX_TRANSIENT) this.#dropOldest();
    this.#queue.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<RunEvent | undefined> {
    while (this.#queue.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const event = this.#queue.shift();
    if (event !== undefined && isTransient(event)) this.#transient -= 1;
    return event;
  }

  #dropOldest(): void {
    const index = this.#queue.findIndex(isTransient);
    if (index >= 0) this.#queue.splice(index, 1);
    this.#transient -= 1;
  }
}
