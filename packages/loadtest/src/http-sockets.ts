import type { Client, Dispatcher } from 'undici';

/** What is told how a request went. */
export interface SocketUser extends Dispatcher.DispatchHandler {
  /** Given the socket that the request is sent over, before it is. */
  client: Client | undefined;
}

const CONNECTIONS = 100;

/**
 * Sockets to one origin, each with one request at a time (undici), further requests waiting in order. A socket is handed
 * on in the turn in which its answer ended; a pool would first park it: unreferenced, under a timer, and checked again.
 */
export class HttpSockets {
  readonly #origin: string;
  readonly #most: number;
  #open: (() => Client) | undefined;
  readonly #clients: Client[] = [];
  readonly #free: Client[] = [];
  readonly #waiting = new Map<SocketUser, Dispatcher.DispatchOptions>();

  /** `connections` is the most sockets. @defaultValue 100 */
  constructor(origin: string, connections: number = CONNECTIONS) {
    this.#origin = origin;
    this.#most = connections;
  }

  /** Loads the library: a run over WebSocket never needs it. */
  async load(): Promise<void> {
    const undici = await import('undici');
    // A call ends at its own deadline: undici's time-outs would cut a long one, and arm a timer for each answer.
    this.#open ??= () => new undici.Client(this.#origin, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Sends a request, or lets it wait for a socket; `user` must call {@link release} when its answer has ended. */
  send(request: Dispatcher.DispatchOptions, user: SocketUser): void {
    const client = this.#free.pop() ?? this.#add();
    if (!client) {
      this.#waiting.set(user, request);
      return;
    }
    user.client = client;
    client.dispatch(request, user);
  }

  /** Takes back a request that still waits. */
  forget(user: SocketUser): void {
    this.#waiting.delete(user);
  }

  /** Hands the socket of a request that has ended to the next one. */
  release({ client }: SocketUser): void {
    if (!client) return;
    this.#free.push(client);
    for (const [user, request] of this.#waiting) {
      this.#waiting.delete(user);
      this.send(request, user);
      return;
    }
  }

  /** Cuts what is still open. */
  async close(): Promise<void> {
    this.#waiting.clear();
    await Promise.all(this.#clients.map((client) => client.destroy()));
  }

  #add(): Client | undefined {
    if (this.#clients.length >= this.#most) return undefined;
    const client = this.#open?.();
    if (client) this.#clients.push(client);
    return client;
  }
}
