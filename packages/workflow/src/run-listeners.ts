import { EventEmitter } from 'eventemitter3';

import type { RunEvent } from './run-events.ts';

/** Those who listen to all runs of an engine, each to events of one type. A listener that throws harms nobody. */
export class RunListeners {
  readonly #emitter = new EventEmitter<Record<string, [RunEvent]>>();

  readonly emit = (event: RunEvent): void => {
    this.#emitter.emit(event.type, event);
  };

  /** Returns the function that removes the listener. */
  on<T extends RunEvent['type']>(type: T, listener: (event: Extract<RunEvent, { type: T }>) => void): () => void {
    const isWanted = (event: RunEvent): event is Extract<RunEvent, { type: T }> => event.type === type;
    const guarded = (event: RunEvent): void => {
      try {
        if (isWanted(event)) listener(event);
      } catch {
        // A listener's failure is its own; the run goes on.
      }
    };
    this.#emitter.on(type, guarded);
    return () => {
      this.#emitter.off(type, guarded);
    };
  }
}
