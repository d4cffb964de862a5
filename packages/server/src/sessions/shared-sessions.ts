import { CallError } from '../calls/call-error.ts';
import { within } from '../calls/within.ts';
import { Call } from '../protocol/index.ts';

import { hashOf, SessionChanges } from './session-changes.ts';
import { assertKept, noSuchSession, type ResumeAsk, type SessionRegistry } from './session-registry.ts';
import type { KeptCall, SessionStore } from './session-store.ts';
import { randomHandle, type Session, type SessionOwner } from './session.ts';

/** A session whose client has come back. */
export interface ResumedSession {
  readonly session: Session;
  /** It was another server's: `calls` are to be gone on with, and what that one had not sent is not here. */
  readonly moved: boolean;
  readonly calls: readonly ResumedCall[];
}

/** A call to go on with. */
export interface ResumedCall {
  readonly call: Call;
  /** Milliseconds left of its deadline, at least 1. */
  readonly leftMs: number;
}

/** What {@link SharedSessions} works with. */
export interface SharedSessionsParts {
  readonly registry: SessionRegistry;
  readonly store: SessionStore;
}

/** What is known to the store at the latest so long after it happened, while the store is well. */
const WRITE_MS = 10;
const RETRY_MS = 1000;
const LOOK_MS = 1000;
/** Looks between two renewals. */
const RENEW_EVERY = 5;
/** Longest time the end of a server waits for what it still has to write. */
const CLOSE_MS = 500;

/**
 * The sessions of several servers that share a store: each is with one of them, and goes on wherever its client comes back. Calls
 * never wait for the store: what changes is written behind, many changes at once, and what a crash leaves unwritten the client
 * sends again. Only a resume waits.
 */
export class SharedSessions {
  readonly #registry: SessionRegistry;
  readonly #store: SessionStore;
  readonly #own = new Set<Session>();
  #changes = new SessionChanges();
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #looks: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #lookCount = 0;
  #resuming = 0;
  /** By session: one resume after the other, so that the later one finds what the earlier one brought here. */
  readonly #takes = new Map<string, Promise<unknown>>();
  #leaving = false;
  #closed = false;

  constructor({ registry, store }: SharedSessionsParts) {
    this.#registry = registry;
    this.#store = store;
  }

  /** Makes the tables, and looks every second for sessions that moved on. Rejects when the store cannot be used. */
  async open(): Promise<void> {
    await this.#store.open();
    this.#looks = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, LOOK_MS).unref();
  }

  /** From now on calls that this server has to stop are another's to go on with. */
  leave(): void {
    this.#leaving = true;
  }

  /** Writes what is left, for at most half a second. */
  async close(): Promise<void> {
    clearInterval(this.#looks);
    await within(CLOSE_MS, Promise.all([this.#looking, this.flush()]));
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  begun(session: Session): void {
    this.#own.add(session);
    this.#changes.begin(session);
    this.#writeSoon(WRITE_MS);
  }

  /** `isOver`: nobody can resume it. */
  ended(session: Session, isOver: boolean): void {
    if (!this.#own.delete(session) || !isOver) return;
    this.#changes.end(session);
    this.#writeSoon(WRITE_MS);
  }

  /** The call goes on until its session is told of its end. */
  accepted(session: Session, call: Call, deadlineAt: number): void {
    if (!this.#own.has(session)) return;
    this.#changes.accept(session, call, deadlineAt);
    this.#writeSoon(WRITE_MS);
  }

  /** The session's newest frame is the end of that call. */
  finished(session: Session, id: string): void {
    if (!this.#own.has(session)) return;
    this.#changes.finish(session, id);
    this.#writeSoon(WRITE_MS);
  }

  /** Its client has shown that it got its newest token. */
  confirmed(session: Session): void {
    if (!this.#own.has(session)) return;
    this.#changes.confirm(session);
    this.#writeSoon(WRITE_MS);
  }

  /** Whether another server goes on with this call, which ended here for that reason alone; then its client is not told. */
  isLeft(session: Session, { idempotencyKey }: Call, code: string | undefined): boolean {
    return this.#leaving && code === 'SERVER_DRAINING' && idempotencyKey !== undefined && this.#own.has(session);
  }

  /**
   * Gives a session to its client, wherever it was; its token is changed. It is with this server from then on: another one that
   * had it finds out within a second, and cannot write meanwhile.
   *
   * @throws CallError `RESUME_FAILED` for an unknown or ended session, another principal, an old token, a gap, or a store that
   * cannot be reached; `OVER_CAPACITY` when there are too many sessions here.
   */
  async resume(ask: ResumeAsk, owner: SessionOwner): Promise<ResumedSession> {
    const local = this.#registry.find(ask, owner.principal);
    if (local === undefined) this.#registry.makeRoom();
    else local.expect();
    this.#resuming += 1;
    try {
      // A look that is under way could tell of a loss before the session it is about is here.
      await this.#looking;
      await this.flush();
      return await this.#takeInTurn(ask, owner);
    } catch (error) {
      if (CallError.is(error)) throw error;
      throw new CallError('RESUME_FAILED', 'the sessions cannot be read now', { cause: error });
    } finally {
      this.#resuming -= 1;
    }
  }

  /** Resolves when everything that has changed so far is written, or could not be. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #takeInTurn(ask: ResumeAsk, owner: SessionOwner): Promise<ResumedSession> {
    const { sessionId } = ask;
    const before = this.#takes.get(sessionId) ?? Promise.resolve();
    const taking = before.then(() => this.#take(ask, owner));
    const settled = taking.catch(() => undefined);
    this.#takes.set(sessionId, settled);
    try {
      return await taking;
    } finally {
      if (this.#takes.get(sessionId) === settled) this.#takes.delete(sessionId);
    }
  }

  async #take(ask: ResumeAsk, owner: SessionOwner): Promise<ResumedSession> {
    const { sessionId: id, resumeToken: presented, lastSeq } = ask;
    const token = randomHandle();
    const taken = await this.#store.take({
      id,
      principal: owner.principal,
      presentedHash: hashOf(presented),
      tokenHash: hashOf(token),
    });
    if (taken === undefined) throw noSuchSession();
    const { fence } = taken;
    const local = this.#registry.get(id);
    if (taken.wasOurs) {
      // It ended meanwhile, or another connection was given it after this one.
      if (local === undefined || local.fence >= fence) throw noSuchSession();
      local.rotate(presented, token);
      local.fence = fence;
      assertKept(local, lastSeq);
      return { session: local, moved: false, calls: [] };
    }
    if (local !== undefined) this.#lose(local);
    const calls = await this.#store.calls(id, fence, lastSeq);
    if (calls === undefined) throw noSuchSession();
    const open = calls.map(toResumedCall);
    const known = { id, resumeToken: token, previousToken: presented, fence, lastSeq };
    const session = this.#registry.adopt(owner, known);
    this.#own.add(session);
    return { session, moved: true, calls: open };
  }

  #lose(session: Session): void {
    this.#own.delete(session);
    this.#changes.forget(session);
    this.#registry.end(session, 'moved');
  }

  #writeSoon(ms: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => void this.flush(), ms).unref();
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#changes.size === 0) return;
    const changes = this.#changes;
    this.#changes = new SessionChanges();
    try {
      await this.#store.write(changes.toBatch());
    } catch {
      // That the store is not well shows in its readiness; the journals are in it too.
      this.#changes.restore(changes);
      this.#writeSoon(RETRY_MS);
    }
  }

  /** A look that fails is repeated by the next one. */
  async #look(): Promise<void> {
    if (this.#resuming > 0) return;
    try {
      for (const { id, fence } of await this.#store.lost()) {
        const local = this.#registry.get(id);
        if (local !== undefined && local.fence < fence) this.#lose(local);
      }
      this.#lookCount += 1;
      if (this.#lookCount % RENEW_EVERY === 0) await this.#store.renew();
    } catch {
      // As above.
    }
  }
}

function toResumedCall({ call, leftMs }: KeptCall): ResumedCall {
  return { call: Call.parse(JSON.parse(call)), leftMs: Math.max(1, Math.round(leftMs)) };
}
