import { type ClientFrameInput, PROTOCOL, ServerFrame } from '../protocol/index.ts';

import { platformSocket, type Socket, type SocketClass } from './socket.ts';

/** How {@link Connection} connects. */
export interface ConnectionOptions {
  readonly webSocket?: SocketClass | undefined;
  /** Longest time for connecting and the welcome, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** What a connection tells its owner. */
export interface ConnectionHooks {
  /** A socket is open; the first frame is the owner's. */
  opened(): void;
  received(frame: ServerFrame): void;
  /** The socket is gone, or never came. */
  lost(code: number, reason: string): void;
  /** No socket can be made at all. */
  failed(cause: unknown): void;
}

const BEAT_LIMIT = 2;
const ABNORMAL = 1006;

/**
 * One socket at a time, made anew when its owner says so. It knows frames from noise and a dead socket from a quiet one; what the
 * frames mean is the owner's business.
 */
export class Connection {
  readonly #url: string;
  readonly #options: ConnectionOptions;
  readonly #hooks: ConnectionHooks;
  #socket: Socket | undefined;
  #missedBeats = 0;
  #beat: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(url: string, options: ConnectionOptions, hooks: ConnectionHooks) {
    this.#url = url;
    this.#options = options;
    this.#hooks = hooks;
  }

  /** Makes a socket now. */
  async dial(): Promise<void> {
    try {
      const socketClass = this.#options.webSocket ?? (await platformSocket());
      if (!this.#stopped) this.#listen(new socketClass(this.#url, PROTOCOL));
    } catch (error) {
      this.#hooks.failed(error);
    }
  }

  dialIn(ms: number): void {
    this.#retry = setTimeout(() => void this.dial(), ms);
  }

  /** Sends a frame, or drops it when there is no open socket. */
  send(frame: ClientFrameInput): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** Notices a socket that died without a word: asks for a sign of life at this interval. */
  beatEvery(intervalMs: number): void {
    clearInterval(this.#beat);
    this.#missedBeats = 0;
    this.#beat = setInterval(() => {
      this.#missedBeats += 1;
      if (this.#missedBeats <= BEAT_LIMIT) {
        this.send({ type: 'ping', t: this.#missedBeats });
        return;
      }
      const socket = this.#socket;
      this.#lose(ABNORMAL, 'no sign of life');
      socket?.close();
    }, intervalMs);
  }

  /** Closes the socket; its owner hears of the loss. */
  drop(code: number, reason: string): void {
    this.#socket?.close(code, reason);
  }

  /** Makes no socket and beats no more. The socket that is there stays. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#beat);
  }

  /** Closes the socket and resolves when that is done. */
  async close(code: number, reason: string): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    await new Promise<void>((resolve) => {
      socket.addEventListener('close', () => resolve());
      socket.close(code, reason);
    });
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    const timer = setTimeout(() => socket.close(), this.#options.connectTimeoutMs);
    socket.addEventListener('open', () => this.#hooks.opened());
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket || typeof data !== 'string') return;
      this.#missedBeats = 0;
      const frame = readFrame(data);
      if (frame?.type === 'welcome') clearTimeout(timer);
      if (frame !== undefined) this.#hooks.received(frame);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      clearTimeout(timer);
      if (socket === this.#socket) this.#lose(code, reason);
    });
  }

  #lose(code: number, reason: string): void {
    clearInterval(this.#beat);
    this.#socket = undefined;
    this.#hooks.lost(code, reason);
  }
}

function readFrame(text: string): ServerFrame | undefined {
  try {
    const parsed = ServerFrame.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
