/** What a client tells about its connection. */
export interface ClientEvents {
  /**
   * `resumed`: the session goes on, on this server or another, and no end was missed. Otherwise a new one was begun. `resent` unfinished
   * calls were sent again with their keys.
   */
  readonly connected: { readonly sessionId: string; readonly resumed: boolean; readonly resent: number };
  readonly lost: { readonly code: number; readonly reason: string; readonly retryInMs: number | undefined };
  readonly goaway: { readonly reason: string; readonly deadlineMs: number };
}

type Listener<Name extends keyof ClientEvents> = (event: ClientEvents[Name]) => void;

/** Hands the events to their listeners; one that throws harms neither the client nor the others. */
export class ClientEventHub {
  readonly #listeners: { readonly [Name in keyof ClientEvents]: Set<Listener<Name>> } = {
    connected: new Set(),
    lost: new Set(),
    goaway: new Set(),
  };

  /** Listens until the returned function is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): () => void {
    this.#listeners[name].add(listener);
    return () => {
      this.#listeners[name].delete(listener);
    };
  }

  emit<Name extends keyof ClientEvents>(name: Name, event: ClientEvents[Name]): void {
    for (const listener of this.#listeners[name]) {
      try {
        listener(event);
      } catch {
        // An observer that fails must not harm what it observes.
      }
    }
  }
}
