import type { WebSocket } from 'ws';

import { CallError } from '../calls/call-error.ts';
import type { Identity } from '../http/authenticator.ts';
import { type Call, type ClientFrame, CloseCode } from '../protocol/index.ts';
import type { Session } from '../sessions/session.ts';

import type { ConnectionViews } from './connection-views.ts';
import { type CorkableSocket, FrameWriter } from './frame-writer.ts';
import { Handshake, type HandshakeParts } from './handshake.ts';
import { readFrame } from './read-frame.ts';
import { type ReadRates, ReadThrottle } from './read-throttle.ts';
import { runCall } from './run-call.ts';

/** What a connection works with. */
export interface WsConnectionParts extends HandshakeParts {
  /** Frames that are about the server, not about calls. */
  readonly views: ConnectionViews;
  readonly limits: HandshakeParts['limits'] &
    ReadRates & {
      readonly maxJsonDepth: number;
      readonly highWaterBytes: number;
    };
}

/** Misuses after which a connection is closed. */
const MAX_VIOLATIONS = 20;

/**
 * One socket speaking `exai.v1`. It translates frames to calls and events to frames and decides nothing else. Every frame is
 * handled in the turn it arrives, so control frames never wait behind work; only what comes before the welcome of a session that
 * others may have waits for it.
 */
export class WsConnection {
  readonly #ws: WebSocket;
  readonly #parts: WsConnectionParts;
  readonly #writer: FrameWriter;
  readonly #handshake: Handshake;
  readonly #throttle: ReadThrottle;
  #violations = 0;
  #subscription: NodeJS.Timeout | undefined;
  /** Beats without a sign of life. */
  missedBeats = 0;

  /** `socket` is the one under `ws`; with it, frames of one turn are written at once. */
  constructor(ws: WebSocket, parts: WsConnectionParts, bearer: Identity | undefined, socket?: CorkableSocket) {
    this.#ws = ws;
    this.#parts = parts;
    this.#writer = new FrameWriter(ws, parts.limits.highWaterBytes, socket);
    this.#handshake = new Handshake(parts, {
      writer: this.#writer,
      bearer,
      handle: (frame) => this.#handle(frame),
    });
    this.#throttle = new ReadThrottle(ws, parts.limits);
    ws.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    ws.on('pong', () => {
      this.missedBeats = 0;
    });
  }

  get session(): Session | undefined {
    return this.#writer.session;
  }

  get bufferedBytes(): number {
    return this.#writer.bufferedBytes;
  }

  close(code: number, reason: string): void {
    this.#writer.close(code, reason);
  }

  /** Cuts the socket without a closing handshake. */
  terminate(): void {
    this.#ws.terminate();
  }

  ping(): void {
    this.missedBeats += 1;
    this.#ws.ping();
  }

  /** Called once, when the socket is gone. A client that said goodbye has ended its session. */
  gone(code: number): void {
    this.#handshake.stop();
    this.#throttle.stop();
    this.#writer.stop();
    clearInterval(this.#subscription);
    const { session } = this;
    const saidGoodbye = code === CloseCode.NORMAL && !this.#writer.isClosing;
    if (session !== undefined && saidGoodbye) this.#parts.sessions.end(session, 'closed');
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.missedBeats = 0;
    if (this.#writer.isClosing) return;
    if (isBinary) {
      this.close(CloseCode.UNSUPPORTED_DATA, 'text frames only');
      return;
    }
    this.#throttle.spend(data.length);
    const { maxMessageBytes, maxJsonDepth } = this.#parts.limits;
    if (data.length > maxMessageBytes) {
      const text = `a message of ${data.length} bytes is over the limit of ${maxMessageBytes}`;
      this.#violation(new CallError('INVALID_MESSAGE', text));
      return;
    }
    const read = readFrame(data.toString('utf8'), maxJsonDepth);
    if ('error' in read) this.#violation(read.error, read.id);
    else this.#handle(read.frame);
  }

  #handle(frame: ClientFrame): void {
    const { session } = this;
    if (session === undefined) {
      this.#handshake.take(frame);
      return;
    }
    if (frame.type === 'hello') {
      this.#violation(new CallError('INVALID_MESSAGE', 'hello was said before'));
      return;
    }
    if (session.touch()) this.#parts.shared?.confirmed(session);
    switch (frame.type) {
      case 'call':
        this.#call(frame, session);
        return;
      case 'cancel':
        session.calls.get(frame.id)?.cancel(new CallError('CANCELLED', frame.reason ?? 'cancelled by the client'));
        return;
      case 'ack':
        session.outbox.ack(frame.seq);
        return;
      case 'ping':
        this.#writer.sendNow({ type: 'pong', t: frame.t });
        return;
      case 'list_tools':
        session.send({ type: 'tools', id: frame.id, tools: this.#parts.views.tools() });
        return;
      case 'health':
        this.#writer.sendNow(this.#parts.views.health(frame.id, session));
        return;
      case 'subscribe':
        this.#subscribe(frame.id, frame.intervalMs, session);
    }
  }

  #call(frame: Call, session: Session): void {
    const { id } = frame;
    if (session.calls.has(id)) {
      // Without the id: with it, this would be the terminal frame of the call that has it.
      this.#violation(new CallError('DUPLICATE_ID', `the id ${id} is in use in this session`));
      return;
    }
    runCall(this.#parts, session, frame);
  }

  #subscribe(id: string, intervalMs: number, session: Session): void {
    clearInterval(this.#subscription);
    if (intervalMs === 0) return;
    const show = (): void => {
      if (!this.#writer.isFull) this.#writer.sendNow(this.#parts.views.snapshot(id, session));
    };
    show();
    this.#subscription = setInterval(show, intervalMs);
  }

  /** A misuse is answered; the connection's calls go on, unless it does nothing else. */
  #violation(error: CallError, id?: string): void {
    const { session } = this;
    const named = id !== undefined && session?.calls.has(id) === false ? { id } : {};
    this.#violations += 1;
    if (session === undefined || this.#violations > MAX_VIOLATIONS) this.#writer.fail(error, CloseCode.PROTOCOL);
    else if ('id' in named) session.send({ type: 'error', ...named, error: error.toWire() });
    else this.#writer.sendNow({ type: 'error', error: error.toWire() });
  }
}
