import { CallError } from '../calls/call-error.ts';
import { toCallError } from '../calls/to-call-error.ts';
import type { Authenticator, Identity } from '../http/authenticator.ts';
import { type ClientFrame, CloseCode, type Hello, PROTOCOL } from '../protocol/index.ts';
import type { Session, SessionOwner } from '../sessions/session.ts';
import type { ResumeAsk, SessionRegistry } from '../sessions/session-registry.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';

import type { ConnectionViews } from './connection-views.ts';
import type { FrameWriter } from './frame-writer.ts';
import { resumeCall, type RunCallParts } from './run-call.ts';

/** What a handshake works with. */
export interface HandshakeParts extends RunCallParts {
  readonly sessions: SessionRegistry;
  readonly authenticator: Authenticator;
  readonly views: Pick<ConnectionViews, 'welcome'>;
  readonly limits: {
    readonly helloTimeoutMs: number;
    readonly maxMessageBytes: number;
    readonly heartbeatMs: number;
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

/** The connection a handshake is made on. */
export interface HandshakeLink {
  readonly writer: FrameWriter;
  /** Who its upgrade named. */
  readonly bearer: Identity | undefined;
  /** Takes the frames that came while the session was fetched from where it was. */
  readonly handle: (frame: ClientFrame) => void;
}

/** How a session comes to a connection. */
interface Welcomed {
  /** Number of the last frame the client has. */
  readonly lastSeq: number;
  readonly resumed: boolean;
  readonly moved?: boolean;
}

/** What comes before the welcome: a hello in time, who says it, and the session it opens or resumes. */
export class Handshake {
  readonly #parts: HandshakeParts;
  readonly #writer: FrameWriter;
  readonly #bearer: Identity | undefined;
  readonly #handle: HandshakeLink['handle'];
  readonly #helloTimer: NodeJS.Timeout;
  /** Frames that came while the session was fetched from where it was. */
  #early: ClientFrame[] | undefined;

  constructor(parts: HandshakeParts, { writer, bearer, handle }: HandshakeLink) {
    this.#parts = parts;
    this.#writer = writer;
    this.#bearer = bearer;
    this.#handle = handle;
    const { helloTimeoutMs } = parts.limits;
    this.#helloTimer = setTimeout(() => writer.close(CloseCode.HELLO_TIMEOUT, 'no hello'), helloTimeoutMs);
  }

  /** Takes a frame of a connection that has no session yet. */
  take(frame: ClientFrame): void {
    if (this.#early !== undefined) this.#early.push(frame);
    else if (frame.type === 'hello') this.#hello(frame);
    else this.#writer.fail(new CallError('INVALID_MESSAGE', 'the first frame must be hello'), CloseCode.PROTOCOL);
  }

  /** Called once, when the socket is gone. */
  stop(): void {
    clearTimeout(this.#helloTimer);
  }

  #hello(frame: Hello): void {
    if (frame.version !== PROTOCOL) {
      const text = `this server speaks ${PROTOCOL}, not ${frame.version}`;
      this.#writer.fail(new CallError('UNSUPPORTED_VERSION', text), CloseCode.PROTOCOL);
      return;
    }
    const identity = frame.token === undefined ? this.#bearer : this.#parts.authenticator.identify(frame.token);
    if (identity === undefined) {
      this.#parts.onUnauthenticated?.();
      this.#writer.fail(new CallError('UNAUTHENTICATED', 'a valid token is needed'), CloseCode.UNAUTHENTICATED);
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
      this.#refuse(toCallError(error), frame);
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
      if (this.#writer.isOpen) this.#welcome(session, { lastSeq: ask.lastSeq, resumed: true, moved });
    } catch (error) {
      if (this.#writer.isOpen) this.#refuse(toCallError(error), frame);
    }
    this.#early = undefined;
    for (const next of early) if (this.#writer.isOpen) this.#handle(next);
  }

  /** A failed resume leaves the connection open for a new hello; a full server does not. */
  #refuse(error: CallError, { resume }: Hello): void {
    if (error.code === 'RESUME_FAILED') {
      this.#parts.onResumeFailed(resume?.sessionId ?? '');
      this.#helloTimer.refresh();
      this.#writer.sendNow({ type: 'error', error: error.toWire() });
      return;
    }
    this.#parts.onRefused(error);
    this.#writer.fail(error, CloseCode.TRY_LATER);
  }

  #welcome(session: Session, { lastSeq, resumed, moved = false }: Welcomed): void {
    clearTimeout(this.#helloTimer);
    this.#writer.begin(session, lastSeq);
    const { limits, views, onWelcome } = this.#parts;
    this.#writer.sendNow({
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
    this.#writer.pump();
  }
}
