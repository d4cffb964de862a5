import type { Pool } from 'undici';

const CONNECTIONS = 100;

/** A pool of sockets whose library is loaded when the first connection is asked for: a run over WebSocket never needs it. */
export class LazyPool {
  readonly #origin: string;
  readonly #connections: number;
  #pool: Promise<Pool> | undefined;

  /** `connections` is the most sockets. @defaultValue 100 */
  constructor(origin: string, connections: number = CONNECTIONS) {
    this.#origin = origin;
    this.#connections = connections;
  }

  open(): Promise<Pool> {
    this.#pool ??= import('undici').then(
      // A call ends at its own deadline: undici's time-outs would cut a long one.
      (undici) =>
        new undici.Pool(this.#origin, {
          connections: this.#connections,
          pipelining: 1,
          headersTimeout: 0,
          bodyTimeout: 0,
        }),
    );
    return this.#pool;
  }

  /** Cuts what is still open. */
  async close(): Promise<void> {
    await (await this.#pool)?.destroy();
  }
}
