import { CallError } from '../calls/call-error.ts';
import { type OutboxLimits } from './outbox.ts';
import { type KnownSession, Session, type SessionOwner } from './session.ts';

/** Limits of {@link SessionRegistry}; milliseconds. */
export interface SessionLimits {
  readonly maxConcurrent: number;
  readonly timeoutMs: number;
  readonly resumeWindowMs: number;
  readonly outbox: OutboxLimits;
}

/** What the registry tells its owner. */
export interface SessionHooks {
  started(session: Session): void;
  /** Already out of the registry; its calls are still in `session.calls`. */
  ended(session: Session, why: SessionEnd): void;
}

/** Why a session ended; `moved`: another server has it now, and its calls go on. */
export type SessionEnd = 'closed' | 'expired' | 'drained' | 'moved';

/** What a client knows of the session it wants back. */
export interface ResumeAsk {
  readonly sessionId: string;
  readonly resumeToken: string;
  readonly lastSeq: number;
}

const FULL_RETRY_MS = 30_000;

/** All sessions. A session is a principal's, not a connection's: it ends by itself, by time, or with the server. */
export class SessionRegistry {
  readonly #sessions = new Map<string, Session>();
  readonly #limits: SessionLimits;
  readonly #hooks: SessionHooks;

  constructor(limits: SessionLimits, hooks: SessionHooks) {
    this.#limits = limits;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  values(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /**
   * Starts a session.
   *
   * @throws CallError `OVER_CAPACITY` with `retryAfterMs` when there are too many and none is idle and lost.
   */
  open(owner: SessionOwner): Session {
    this.makeRoom();
    return this.#add(new Session(owner, this.#limits.outbox));
  }

  /**
   * Goes on with a session that another server had.
   *
   * @throws CallError `OVER_CAPACITY`, as {@link open}.
   */
  adopt(owner: SessionOwner, known: KnownSession): Session {
    this.makeRoom();
    return this.#add(new Session(owner, this.#limits.outbox, known));
  }

  /** Ends an idle and lost session when there are too many. @throws CallError `OVER_CAPACITY` when there is none. */
  makeRoom(): void {
    const { maxConcurrent } = this.#limits;
    if (this.#sessions.size >= maxConcurrent) this.#evictIdle();
    if (this.#sessions.size < maxConcurrent) return;
    throw new CallError('OVER_CAPACITY', `there are ${maxConcurrent} sessions, the most allowed`, {
      retryAfterMs: FULL_RETRY_MS,
      details: { limit: maxConcurrent, inFlight: this.#sessions.size },
    });
  }

  /**
   * Finds the session a client wants back; its token is changed.
   *
   * @throws CallError `RESUME_FAILED` for an unknown or ended session, another principal, an old token, or a gap.
   */
  resume(ask: ResumeAsk, principal: string): Session {
    const session = this.find(ask, principal);
    if (session === undefined) throw noSuchSession();
    session.rotate(ask.resumeToken);
    return session;
  }

  /**
   * The session a client wants back, as it is; nothing when it is not here for this client.
   *
   * @throws CallError `RESUME_FAILED` when frames are missing that the client has not got.
   */
  find({ sessionId, resumeToken, lastSeq }: ResumeAsk, principal: string): Session | undefined {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.principal !== principal || !session.admits(resumeToken)) return undefined;
    assertKept(session, lastSeq);
    return session;
  }

  /** Ends a session. False when it had ended. */
  end(session: Session, why: SessionEnd): boolean {
    if (!this.#sessions.delete(session.id)) return false;
    this.#hooks.ended(session, why);
    return true;
  }

  /** Ends sessions whose time is over; one with a connection and unfinished calls never is. */
  sweep(now: number = Date.now()): void {
    for (const session of this.#sessions.values()) {
      const lost = session.lostAt !== undefined && now - session.lostAt >= this.#limits.resumeWindowMs;
      const idle = session.calls.size === 0 && now - session.lastSeenAt >= this.#limits.timeoutMs;
      if (lost || idle) this.end(session, 'expired');
    }
  }

  #add(session: Session): Session {
    this.#sessions.set(session.id, session);
    this.#hooks.started(session);
    return session;
  }

  /** A lost session that waits for nothing has nothing to be resumed for; an expendable one is begun again by its client. */
  #evictIdle(): void {
    for (const session of this.#sessions.values()) {
      const waitsForNothing = session.lostAt !== undefined && session.outbox.unsent === 0;
      if (session.calls.size === 0 && (session.expendable || waitsForNothing)) {
        this.end(session, 'expired');
        return;
      }
    }
  }
}

/** @throws CallError `RESUME_FAILED` when a frame after `lastSeq` is not kept any more. */
export function assertKept({ outbox }: Session, lastSeq: number): void {
  if (outbox.canReplayAfter(lastSeq)) return;
  throw new CallError('RESUME_FAILED', `what came after frame ${lastSeq} is not kept any more`);
}

/** What a client hears whose session is not here. It does not tell the reasons apart. */
export function noSuchSession(): CallError {
  return new CallError('RESUME_FAILED', 'there is no such session: it ended, or the token is not its newest');
}
