import { createHash } from 'node:crypto';

import type { Call } from '../protocol/index.ts';

import type { Session } from './session.ts';
import type { AcceptedCall, SessionBatch } from './session-store.ts';

interface OpenCall {
  readonly session: Session;
  readonly call: Call;
  /** Epoch ms. */
  readonly deadlineAt: number;
  endSeq: number | undefined;
}

/** What is to be written of this server's sessions. A call that begins and ends between two writes is one row. */
export class SessionChanges {
  readonly #begun = new Map<string, Session>();
  readonly #accepted = new Map<string, OpenCall>();
  readonly #finished = new Map<string, { readonly session: Session; readonly id: string; readonly seq: number }>();
  readonly #confirmed = new Set<string>();
  readonly #ended = new Set<string>();

  get size(): number {
    return this.#begun.size + this.#accepted.size + this.#finished.size + this.#confirmed.size + this.#ended.size;
  }

  begin(session: Session): void {
    this.#begun.set(session.id, session);
  }

  accept(session: Session, call: Call, deadlineAt: number): void {
    this.#accepted.set(keyOf(session, call.id), { session, call, deadlineAt, endSeq: undefined });
    this.#finished.delete(keyOf(session, call.id));
  }

  /** The call was ended by the session's newest frame. */
  finish(session: Session, id: string): void {
    const seq = session.outbox.lastSeq;
    const open = this.#accepted.get(keyOf(session, id));
    if (open === undefined) this.#finished.set(keyOf(session, id), { session, id, seq });
    else open.endSeq = seq;
  }

  confirm({ id }: Session): void {
    this.#confirmed.add(id);
  }

  end(session: Session): void {
    this.forget(session);
    this.#ended.add(session.id);
  }

  /** Its rows are somebody else's now. */
  forget({ id }: Session): void {
    this.#begun.delete(id);
    this.#confirmed.delete(id);
    for (const [key, { session }] of this.#accepted) if (session.id === id) this.#accepted.delete(key);
    for (const [key, { session }] of this.#finished) if (session.id === id) this.#finished.delete(key);
  }

  /** Takes back what could not be written; what was changed since is newer. Calls that have ended are not worth another try. */
  restore(older: SessionChanges): void {
    for (const [id, session] of older.#begun) if (!this.#ended.has(id)) this.#begun.set(id, session);
    for (const [key, open] of older.#accepted) {
      if (open.endSeq === undefined && !this.#accepted.has(key) && !this.#finished.delete(key))
        this.#accepted.set(key, open);
    }
    for (const [key, end] of older.#finished) if (!this.#accepted.has(key)) this.#finished.set(key, end);
    for (const id of older.#confirmed) this.#confirmed.add(id);
    for (const id of older.#ended) this.#ended.add(id);
  }

  /** As it is to be written now. */
  toBatch(): SessionBatch {
    const done = new Set<Session>();
    const accepted = [...this.#accepted.values()].map((open) => {
      if (open.endSeq !== undefined) done.add(open.session);
      return toRow(open);
    });
    const finished = [...this.#finished.values()].map(({ session, id, seq }) => {
      done.add(session);
      return { session: session.id, id, seq };
    });
    return {
      begun: [...this.#begun.values()].map(({ id, principal, resumeToken }) => {
        return { id, principal, tokenHash: hashOf(resumeToken) };
      }),
      accepted,
      finished,
      acked: [...done].map(({ id, outbox }) => ({ session: id, seq: outbox.goneSeq })).filter(({ seq }) => seq > 0),
      confirmed: [...this.#confirmed],
      ended: [...this.#ended],
    };
  }
}

/** What is kept of a token. It is 128 random bits, so that no salt or slow hash is needed. */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** A call without a key is never made again, so that nobody needs its arguments. */
function toRow({ session, call, deadlineAt, endSeq }: OpenCall): AcceptedCall {
  const kept = call.idempotencyKey === undefined ? { ...call, arguments: {} } : call;
  return { session: session.id, id: call.id, call: JSON.stringify(kept), leftMs: deadlineAt - Date.now(), endSeq };
}

function keyOf({ id }: Session, call: string): string {
  return `${id} ${call}`;
}
