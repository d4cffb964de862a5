import type { Duplex } from 'node:stream';

import type { WebSocket } from 'ws';

import type { CallError } from '../calls/call-error.ts';
import { CloseCode, type ServerFrame } from '../protocol/index.ts';
import type { Session, SessionLink } from '../sessions/session.ts';

/** The part of the socket under a WebSocket that holds writes back to make them one. */
export type CorkableSocket = Pick<Duplex, 'cork' | 'uncork'>;

/**
 * The sending half of a connection, until it is closed: the numbered frames of a session in their order, no faster than the client
 * reads, and between them frames that are not numbered.
 */
export class FrameWriter implements SessionLink {
  readonly #ws: WebSocket;
  readonly #highWaterBytes: number;
  readonly #socket: CorkableSocket | undefined;
  #session: Session | undefined;
  /** Number of the last frame handed to the socket. */
  #cursor = 0;
  #flushing: NodeJS.Immediate | undefined;
  #isClosing = false;

  /** `socket` is the one under `ws`; with it, frames of one turn are written at once. */
  constructor(ws: WebSocket, highWaterBytes: number, socket?: CorkableSocket) {
    this.#ws = ws;
    this.#highWaterBytes = highWaterBytes;
    this.#socket = socket;
  }

  /** The one whose frames are sent; nothing before the welcome. */
  get session(): Session | undefined {
    return this.#session;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** The client has not read what was sent: nothing more is handed to the socket. */
  get isFull(): boolean {
    return this.#ws.bufferedAmount >= this.#highWaterBytes;
  }

  /** It was closed here, whatever the client does. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  get isOpen(): boolean {
    return !this.#isClosing && this.#ws.readyState === this.#ws.OPEN;
  }

  /** Gives the session to this connection. What follows `lastSeq` is sent from the next {@link pump} on. */
  begin(session: Session, lastSeq: number): void {
    this.#session = session;
    this.#cursor = lastSeq;
    session.outbox.ack(lastSeq);
    session.attach(this, { code: CloseCode.REPLACED, reason: 'another connection resumed this session' });
  }

  /** What the session has is sent at the end of this turn of the event loop, in one write. */
  pump(): void {
    this.#flushing ??= setImmediate(() => this.flush());
  }

  /** Sends what this socket can take; the rest follows when it has read. */
  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#session === undefined || this.#isClosing) return;
    this.#socket?.cork();
    this.#sendFrom(this.#session);
    this.#socket?.uncork();
  }

  /** For frames that are not numbered: sent now or, to one who does not read, not at all. */
  sendNow(frame: ServerFrame): void {
    if (!this.#isClosing && !this.isFull) this.#ws.send(JSON.stringify(frame));
  }

  /** The client reads too slowly: its socket is cut, its session stays. A close frame would wait behind the same full buffer. */
  overrun(): void {
    this.#isClosing = true;
    this.#ws.terminate();
  }

  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.flush();
    this.#isClosing = true;
    this.#ws.close(code, reason.slice(0, 120));
  }

  /** Says what is wrong, and closes. */
  fail(error: CallError, code: CloseCode): void {
    this.sendNow({ type: 'error', error: error.toWire() });
    this.close(code, error.message);
  }

  /** Called once, when the socket is gone. */
  stop(): void {
    clearImmediate(this.#flushing);
    this.#session?.detach(this);
  }

  #sendFrom(session: Session): void {
    while (this.#cursor < session.outbox.lastSeq && !this.isFull) {
      const text = session.outbox.take(this.#cursor + 1);
      if (text === undefined) {
        this.overrun();
        return;
      }
      this.#cursor += 1;
      this.#ws.send(text, this.#onFlushed);
    }
  }

  #onFlushed = (): void => {
    if (this.#session !== undefined && this.#cursor < this.#session.outbox.lastSeq) this.pump();
  };
}
