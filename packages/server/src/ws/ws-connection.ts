import type { Duplex } from 'node:stream';

import type { WebSocket } from 'ws';

import { CallError } from '../calls/call-error.ts';
import type { CallService } from '../calls/call-service.ts';
import { toCallError } from '../calls/to-call-error.ts';
import type { Authenticator, Identity } from '../http/authenticator.ts';
import { TokenBucket } from '../http/token-bucket.ts';
import { type Call, type ClientFrame, CloseCode, type Hello, PROTOCOL, type ServerFrame } from '../protocol/index.ts';
import type { Session, SessionLink, SessionOwner } from '../sessions/session.ts';
import type { ResumeAsk, SessionRegistry } from '../sessions/session-registry.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';

import { readFrame } from './read-frame.ts';
import { resumeCall, runCall } from './run-call.ts';

/** What a connection works with. */
export interface WsConnectionParts {
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  /** The sessions as other servers see them; absent where this is the only one. */
  readonly shared?: SharedSessions | undefined;
  readonly authenticator: Authenticator;
  /** Frames that are about the server, not about calls. */
  readonly views: ConnectionViews;
  readonly limits: {
    readonly maxMessageBytes: number;
    readonly maxJsonDepth: number;
    readonly helloTimeoutMs: number;
    readonly heartbeatMs: number;
    readonly highWaterBytes: number;
    readonly messagesPerSecond: number;
    readonly bytesPerSecond: number;
    readonly sessionMaxInFlight: number;
    readonly sessionMaxQueued: number;
    readonly resumeWindowMs: number;
    readonly maxDeadlineMs: number;
  };
  /** The folders of a session that tells its own; nothing when it gets those of the server. */
  readonly rootsOf: (told: Hello['roots'], address: string) => readonly string[] | undefined;
  /** Where the connection comes from. */
  readonly address: string;
  /** A session was welcomed or refused on this connection. */
  readonly onWelcome: (session: Session, resumed: boolean, replayed: number) => void;
  readonly onResumeFailed: (sessionId: string) => void;
  readonly onRefused: (error: CallError) => void;
  /** A hello came without a valid token. */
  readonly onUnauthenticated?: () => void;
}

/** What a connection can show beside calls. */
export interface ConnectionViews {
  welcome(): Pick<Extract<ServerFrame, { type: 'welcome' }>, 'server' | 'simulator'>;
  tools(): Extract<ServerFrame, { type: 'tools' }>['tools'];
  health(id: string, session: Session): ServerFrame;
  snapshot(id: string, session: Session): ServerFrame;
}

/** How a session comes to a connection. */
interface Welcomed {
  /** Number of the last frame the client has. */
  readonly lastSeq: number;
  readonly resumed: boolean;
  readonly moved?: boolean;
}

/** Misuses after which a connection is closed. */
const MAX_VIOLATIONS = 20;
const BURST_SECONDS = 2;

/**
 * One socket speaking `exai.v1`. It translates frames to calls and events to frames and decides nothing else. Every frame is
 * handled in the turn it arrives, so control frames never wait behind work; only what comes before the welcome of a session that
 * others may have waits for it.
 */
export class WsConnection implements SessionLink {
  readonly #ws: WebSocket;
  readonly #socket: Pick<Duplex, 'cork' | 'uncork'> | undefined;
  readonly #parts: WsConnectionParts;
  readonly #bearer: Identity | undefined;
  readonly #helloTimer: NodeJS.Timeout;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #session: Session | undefined;
  /** Frames that came while the session was fetched from where it was. */
  #early: ClientFrame[] | undefined;
  /** Number of the last frame handed to the socket. */
  #cursor = 0;
  #violations = 0;
  #flushing: NodeJS.Immediate | undefined;
  #closing = false;
  #resumeReading: NodeJS.Timeout | undefined;
  #subscription: NodeJS.Timeout | undefined;
  /** Beats without a sign of life. */
  missedBeats = 0;
  readonly openedAt: number = Date.now();

  /** `socket` is the one under `ws`; with it, frames of one turn are written at once. */
  constructor(
    ws: WebSocket,
    parts: WsConnectionParts,
    bearer: Identity | undefined,
    socket?: Pick<Duplex, 'cork' | 'uncork'>,
  ) {
    this.#ws = ws;
    this.#socket = socket;
    this.#parts = parts;
    this.#bearer = bearer;
    const { messagesPerSecond, bytesPerSecond, helloTimeoutMs } = parts.limits;
    this.#messages = new TokenBucket(messagesPerSecond, messagesPerSecond * BURST_SECONDS);
    this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond * BURST_SECONDS);
    this.#helloTimer = setTimeout(() => this.close(CloseCode.HELLO_TIMEOUT, 'no hello'), helloTimeoutMs);
    ws.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    ws.on('pong', () => {
      this.missedBeats = 0;
    });
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** What the session has is sent at the end of this turn of the event loop, in one write. */
  pump(): void {
    this.#flushing ??= setImmediate(() => this.flush());
  }

  /** Sends what this socket can take; the rest follows when it has read. */
  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#session === undefined || this.#closing) return;
    this.#socket?.cork();
    this.#sendFrom(this.#session);
    this.#socket?.uncork();
  }

  #sendFrom(session: Session): void {
    while (this.#cursor < session.outbox.lastSeq && this.#ws.bufferedAmount < this.#parts.limits.highWaterBytes) {
      const text = session.outbox.take(this.#cursor + 1);
      if (text === undefined) {
        this.overrun();
        return;
      }
      this.#cursor += 1;
      this.#ws.send(text, this.#onFlushed);
    }
  }

  /** The client reads too slowly: its socket is cut, its session stays. A close frame would wait behind the same full buffer. */
  overrun(): void {
    this.#closing = true;
    this.#ws.terminate();
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.flush();
    this.#closing = true;
    this.#ws.close(code, reason.slice(0, 120));
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
    clearTimeout(this.#helloTimer);
    clearTimeout(this.#resumeReading);
    clearImmediate(this.#flushing);
    clearInterval(this.#subscription);
    const session = this.#session;
    if (session === undefined) return;
    session.detach(this);
    if (code === CloseCode.NORMAL && !this.#closing) this.#parts.sessions.end(session, 'closed');
  }

  #onFlushed = (): void => {
    if (this.#session !== undefined && this.#cursor < this.#session.outbox.lastSeq) this.pump();
  };

  #receive(data: Buffer, isBinary: boolean): void {
    this.missedBeats = 0;
    if (this.#closing) return;
    if (isBinary) {
      this.close(CloseCode.UNSUPPORTED_DATA, 'text frames only');
      return;
    }
    this.#throttle(data.length);
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

  /** Stops reading for as long as the client is ahead of its rate; what it sent waits in its own socket. */
  #throttle(bytes: number): void {
    this.#messages.spend(1);
    this.#bytes.spend(bytes);
    if (this.#resumeReading === undefined) this.#waitForRate();
  }

  #waitForRate(): void {
    const waitMs = Math.max(this.#messages.waitMs(), this.#bytes.waitMs());
    this.#resumeReading = undefined;
    if (waitMs === 0) {
      if (this.#ws.isPaused) this.#ws.resume();
      return;
    }
    this.#ws.pause();
    this.#resumeReading = setTimeout(() => this.#waitForRate(), waitMs);
  }

  #handle(frame: ClientFrame): void {
    if (this.#early !== undefined) {
      this.#early.push(frame);
      return;
    }
    const session = this.#session;
    if (frame.type === 'hello') {
      if (session === undefined) this.#hello(frame);
      else this.#violation(new CallError('INVALID_MESSAGE', 'hello was said before'));
      return;
    }
    if (session === undefined) {
      this.#fail(new CallError('INVALID_MESSAGE', 'the first frame must be hello'), CloseCode.PROTOCOL);
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
        this.#sendNow({ type: 'pong', t: frame.t });
        return;
      case 'list_tools':
        session.send({ type: 'tools', id: frame.id, tools: this.#parts.views.tools() });
        return;
      case 'health':
        this.#sendNow(this.#parts.views.health(frame.id, session));
        return;
      case 'subscribe':
        this.#subscribe(frame.id, frame.intervalMs, session);
    }
  }

  #hello(frame: Hello): void {
    if (frame.version !== PROTOCOL) {
      const text = `this server speaks ${PROTOCOL}, not ${frame.version}`;
      this.#fail(new CallError('UNSUPPORTED_VERSION', text), CloseCode.PROTOCOL);
      return;
    }
    const identity = frame.token === undefined ? this.#bearer : this.#parts.authenticator.identify(frame.token);
    if (identity === undefined) {
      this.#parts.onUnauthenticated?.();
      this.#fail(new CallError('UNAUTHENTICATED', 'a valid token is needed'), CloseCode.UNAUTHENTICATED);
      return;
    }
    const { sessions, shared } = this.#parts;
    const { resume } = frame;
    if (resume !== undefined && shared !== undefined) {
      void this.#fetch(shared, frame, resume, identity);
      return;
    }
    try {
      if (resume === undefined) this.#welcome(this.#open(frame, identity), { lastSeq: 0, resumed: false });
      else this.#welcome(sessions.resume(resume, identity.principal), { lastSeq: resume.lastSeq, resumed: true });
    } catch (error) {
      this.#refuseHello(toCallError(error), frame);
    }
  }

  #open(frame: Hello, identity: Identity): Session {
    const session = this.#parts.sessions.open(this.#ownerOf(frame, identity));
    this.#parts.shared?.begun(session);
    return session;
  }

  #ownerOf({ roots }: Hello, { principal, admin }: Identity): SessionOwner {
    return { transport: 'ws', principal, admin, roots: this.#parts.rootsOf(roots, this.#parts.address) };
  }

  /** Resumes a session that other servers may have. Never rejects; what the client sends meanwhile is handled after it. */
  async #fetch(shared: SharedSessions, frame: Hello, ask: ResumeAsk, identity: Identity): Promise<void> {
    this.#helloTimer.refresh();
    const early: ClientFrame[] = [];
    this.#early = early;
    try {
      const { session, moved, calls } = await shared.resume(ask, this.#ownerOf(frame, identity));
      for (const call of calls) resumeCall(this.#parts, session, call);
      // Whoever is gone by now comes back, here or elsewhere.
      if (this.#isOpen) this.#welcome(session, { lastSeq: ask.lastSeq, resumed: true, moved });
    } catch (error) {
      if (this.#isOpen) this.#refuseHello(toCallError(error), frame);
    }
    this.#early = undefined;
    for (const next of early) if (this.#isOpen) this.#handle(next);
  }

  get #isOpen(): boolean {
    return !this.#closing && this.#ws.readyState === this.#ws.OPEN;
  }

  /** A failed resume leaves the connection open for a new hello; a full server does not. */
  #refuseHello(error: CallError, { resume }: Hello): void {
    if (error.code === 'RESUME_FAILED') {
      this.#parts.onResumeFailed(resume?.sessionId ?? '');
      this.#helloTimer.refresh();
      this.#sendNow({ type: 'error', error: error.toWire() });
      return;
    }
    this.#parts.onRefused(error);
    this.#fail(error, CloseCode.TRY_LATER);
  }

  #welcome(session: Session, { lastSeq, resumed, moved = false }: Welcomed): void {
    clearTimeout(this.#helloTimer);
    this.#session = session;
    this.#cursor = lastSeq;
    session.outbox.ack(lastSeq);
    session.attach(this, { code: CloseCode.REPLACED, reason: 'another connection resumed this session' });
    const { limits, views, onWelcome } = this.#parts;
    this.#sendNow({
      type: 'welcome',
      version: PROTOCOL,
      ...views.welcome(),
      sessionId: session.id,
      resumeToken: session.resumeToken,
      resumed,
      ...(moved ? { moved } : {}),
      ...(session.roots === undefined ? {} : { roots: [...session.roots] }),
      lastSeq: session.outbox.lastSeq,
      limits: {
        maxMessageBytes: limits.maxMessageBytes,
        maxInFlight: limits.sessionMaxInFlight,
        maxQueued: limits.sessionMaxQueued,
        heartbeatMs: Math.round(limits.heartbeatMs),
        resumeWindowMs: Math.round(limits.resumeWindowMs),
        maxDeadlineMs: limits.maxDeadlineMs,
      },
    });
    onWelcome(session, resumed, session.outbox.lastSeq - lastSeq);
    this.pump();
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
      if (this.#ws.bufferedAmount < this.#parts.limits.highWaterBytes)
        this.#sendNow(this.#parts.views.snapshot(id, session));
    };
    show();
    this.#subscription = setInterval(show, intervalMs);
  }

  /** A misuse is answered; the connection's calls go on, unless it does nothing else. */
  #violation(error: CallError, id?: string): void {
    const session = this.#session;
    const named = id !== undefined && session?.calls.has(id) === false ? { id } : {};
    this.#violations += 1;
    if (session === undefined || this.#violations > MAX_VIOLATIONS) this.#fail(error, CloseCode.PROTOCOL);
    else if ('id' in named) session.send({ type: 'error', ...named, error: error.toWire() });
    else this.#sendNow({ type: 'error', error: error.toWire() });
  }

  #fail(error: CallError, code: CloseCode): void {
    this.#sendNow({ type: 'error', error: error.toWire() });
    this.close(code, error.message);
  }

  /** For frames that are not numbered: sent now or, to one who does not read, not at all. */
  #sendNow(frame: ServerFrame): void {
    if (this.#closing || this.#ws.bufferedAmount >= this.#parts.limits.highWaterBytes) return;
    this.#ws.send(JSON.stringify(frame));
  }
}
