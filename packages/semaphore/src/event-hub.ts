import { EventEmitter } from 'eventemitter3';

/** Typed events whose listeners cannot harm the emitter: what one throws becomes a process warning. */
export class EventHub<M extends object> {
  /** Whether anybody listens to anything; the only check on the hot path. */
  active = false;
  readonly #emitter = new EventEmitter<Record<string, [unknown]>>();

  on<K extends keyof M & string>(name: K, listener: (payload: M[K]) => void): () => void {
    const guarded = (payload: unknown): void => {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- emit() pairs names with their payloads
        listener(payload as M[K]);
      } catch (error) {
        warn(`a listener of "${name}" threw: ${String(error)}`);
      }
    };
    this.#emitter.on(name, guarded);
    this.active = true;
    return () => {
      this.#emitter.off(name, guarded);
      this.active = this.#emitter.eventNames().length > 0;
    };
  }

  /** Whether a payload is worth building. */
  hears(name: keyof M & string): boolean {
    return this.active && this.#emitter.listenerCount(name) > 0;
  }

  /** Builds the payload if anybody listens, and hands it to all who do. */
  emit<K extends keyof M & string>(name: K, build: () => M[K]): void {
    if (this.hears(name)) this.#emitter.emit(name, build());
  }
}

function warn(message: string): void {
  const { process } = globalThis;
  if (typeof process?.emitWarning === 'function') process.emitWarning(message, 'SemaphoreListenerWarning');
  else console.warn(message);
}
