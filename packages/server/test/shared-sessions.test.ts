import { afterEach, describe, expect, it } from 'vitest';

import { Call } from '../src/protocol/index.ts';
import { hashOf } from '../src/sessions/session-changes.ts';
import { SessionRegistry, type SessionEnd } from '../src/sessions/session-registry.ts';
import type { KeptCall, SessionBatch, SessionStore, TakeAsk, TakenSession } from '../src/sessions/session-store.ts';
import type { Session, SessionLink } from '../src/sessions/session.ts';
import { SharedSessions } from '../src/sessions/shared-sessions.ts';

const OWNER = { transport: 'ws', principal: 'alice', admin: false } as const;

interface Row {
  principal: string;
  tokenHash: string;
  previousHash: string | undefined;
  owner: string;
  fence: number;
  readonly losses: Map<string, number>;
  readonly calls: Map<string, { call: string; endSeq: number | undefined }>;
}

/** What all servers share, in memory. */
class Database {
  readonly rows = new Map<string, Row>();
  isDown = false;
  writes = 0;

  storeOf(owner: string): SessionStore {
    const ownRow = (id: string): Row | undefined => {
      const row = this.rows.get(id);
      return row?.owner === owner ? row : undefined;
    };
    const answer = async (): Promise<void> => {
      await Promise.resolve();
      if (this.isDown) throw new Error('no connection');
    };
    return {
      open: answer,
      renew: answer,
      write: async (batch) => {
        await answer();
        this.writes += 1;
        this.#write(owner, batch, ownRow);
      },
      take: async (ask) => {
        await answer();
        return this.#take(owner, ask);
      },
      calls: async (id, fence, afterSeq): Promise<readonly KeptCall[] | undefined> => {
        await answer();
        const row = ownRow(id);
        if (row?.fence !== fence) return undefined;
        const open = [...row.calls.values()].filter(({ endSeq }) => endSeq === undefined || endSeq > afterSeq);
        return open.map(({ call }) => ({ call, leftMs: 1000 }));
      },
      lost: async () => {
        await answer();
        return [...this.rows].flatMap(([id, { losses }]) => {
          const fence = losses.get(owner);
          losses.delete(owner);
          return fence === undefined ? [] : [{ id, fence }];
        });
      },
    };
  }

  #write(owner: string, batch: SessionBatch, ownRow: (id: string) => Row | undefined): void {
    for (const { id, principal, tokenHash } of batch.begun)
      this.rows.set(id, {
        principal,
        tokenHash,
        previousHash: undefined,
        owner,
        fence: 0,
        losses: new Map(),
        calls: new Map(),
      });
    for (const { session, id, call, endSeq } of batch.accepted) ownRow(session)?.calls.set(id, { call, endSeq });
    for (const { session, id, seq } of batch.finished) {
      const kept = ownRow(session)?.calls.get(id);
      if (kept !== undefined) kept.endSeq = seq;
    }
    for (const { session, seq } of batch.acked) {
      const calls = ownRow(session)?.calls ?? new Map<string, never>();
      for (const [id, { endSeq = Number.POSITIVE_INFINITY }] of calls) if (endSeq <= seq) calls.delete(id);
    }
    for (const id of batch.confirmed) Object.assign(ownRow(id) ?? {}, { previousHash: undefined });
    for (const id of batch.ended) if (ownRow(id) !== undefined) this.rows.delete(id);
  }

  #take(owner: string, { id, principal, presentedHash, tokenHash }: TakeAsk): TakenSession | undefined {
    const row = this.rows.get(id);
    if (row?.principal !== principal) return undefined;
    if (presentedHash !== row.tokenHash && presentedHash !== row.previousHash) return undefined;
    const wasOurs = row.owner === owner;
    row.fence += 1;
    if (!wasOurs) row.losses.set(row.owner, row.fence);
    Object.assign(row, { owner, tokenHash, previousHash: presentedHash });
    return { fence: row.fence, wasOurs };
  }
}

const open: SharedSessions[] = [];
afterEach(async () => {
  for (const shared of open.splice(0)) await shared.close();
});

function server(database: Database, name: string, maxConcurrent = 10) {
  const ends: [string, SessionEnd][] = [];
  const registry: SessionRegistry = new SessionRegistry(
    { maxConcurrent, timeoutMs: 60_000, resumeWindowMs: 60_000, outbox: { entries: 4, bytes: 1e6 } },
    {
      started: () => undefined,
      ended: (session, why) => {
        ends.push([session.id, why]);
        shared.ended(session, why === 'closed' || why === 'expired');
        session.disconnect(4409, why);
      },
    },
  );
  const shared: SharedSessions = new SharedSessions({ registry, store: database.storeOf(name) });
  open.push(shared);
  const begin = async (): Promise<Session> => {
    const session = registry.open(OWNER);
    shared.begun(session);
    await shared.flush();
    return session;
  };
  const resume = (session: Session, lastSeq = session.outbox.lastSeq, resumeToken = session.resumeToken) =>
    shared.resume({ sessionId: session.id, resumeToken, lastSeq }, OWNER);
  return { registry, shared, ends, begin, resume };
}

function callOf(id: string, idempotencyKey: string | undefined = `key of ${id}`.replaceAll(' ', '-')): Call {
  return Call.parse({ type: 'call', id, tool: 'chat', arguments: { prompt: id }, idempotencyKey });
}

function end(shared: SharedSessions, session: Session, id: string): void {
  session.send({ type: 'error', id, error: { code: 'CANCELLED', message: '', retryable: false } });
  shared.finished(session, id);
}

class Link implements SessionLink {
  closed: number | undefined;
  pump(): void {
    // Sends nothing.
  }
  overrun(): void {
    this.closed = 1006;
  }
  close(code: number): void {
    this.closed = code;
  }
}

describe('a shared session', () => {
  it('goes on elsewhere with its id, another token, the numbers after those its client has, and its open calls', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two')];
    const session = await first.begin();
    for (const id of ['received', 'missed', 'open']) first.shared.accepted(session, callOf(id), Date.now() + 1000);
    await first.shared.flush();
    end(first.shared, session, 'received');
    end(first.shared, session, 'missed');
    await first.shared.flush();
    const token = session.resumeToken;
    const resumed = await second.resume(session, 1);
    expect(resumed.moved).toBe(true);
    expect(resumed.calls.map(({ call }) => call)).toEqual([callOf('missed'), callOf('open')]);
    expect(resumed.session).toMatchObject({ id: session.id, fence: 1 });
    expect(resumed.session.resumeToken).not.toBe(token);
    expect(resumed.session.outbox.lastSeq).toBe(1);
    resumed.session.send({ type: 'goaway', reason: 'drain', deadlineMs: 1, reconnectAfterMs: 1 });
    expect(resumed.session.outbox.take(2)).toContain('"seq":2');
  });

  it('keeps no token, and of a call without a key no arguments', async () => {
    const database = new Database();
    const { shared, begin } = server(database, 'one');
    const session = await begin();
    shared.accepted(session, { ...callOf('a'), idempotencyKey: undefined }, Date.now() + 1000);
    await shared.flush();
    const row = database.rows.get(session.id);
    expect(row?.tokenHash).toBe(hashOf(session.resumeToken));
    expect(JSON.stringify([...(row?.calls ?? [])])).not.toContain('prompt');
  });

  it('is refused to an old token, another principal, and after its end', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two')];
    const session = await first.begin();
    const old = session.resumeToken;
    const { session: moved } = await second.resume(session);
    const newest = moved.resumeToken;
    expect(moved.touch()).toBe(true);
    second.shared.confirmed(moved);
    await second.shared.flush();
    for (const at of [first, second])
      await expect(at.resume(moved, 0, old)).rejects.toMatchObject({ code: 'RESUME_FAILED' });
    const ask = { sessionId: session.id, resumeToken: newest, lastSeq: 0 };
    await expect(first.shared.resume(ask, { ...OWNER, principal: 'bob' })).rejects.toMatchObject({
      code: 'RESUME_FAILED',
    });
    second.registry.end(moved, 'closed');
    await second.shared.flush();
    await expect(first.shared.resume(ask, OWNER)).rejects.toMatchObject({ code: 'RESUME_FAILED' });
    expect(database.rows.size).toBe(0);
  });

  it('is resumed with the token before for as long as the newest was not used', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two')];
    const session = await first.begin();
    const old = session.resumeToken;
    await second.resume(session);
    expect((await second.resume(session, 0, old)).moved).toBe(false);
    expect((await first.resume(session, 0, old)).moved).toBe(true);
  });

  it.each([
    ['on two servers', true],
    ['on one server', false],
  ])('that two clients want at once %s is with one of them in the end, and the other is cut', async (_, elsewhere) => {
    const database = new Database();
    const [home, here, there] = [server(database, 'home'), server(database, 'here'), server(database, 'there')];
    const session = await home.begin();
    const servers = [here, elsewhere ? there : here];
    const links: Link[] = [];
    const outcomes = await Promise.allSettled(
      servers.map(async (at) => {
        const resumed = await at.resume(session);
        const link = new Link();
        links.push(link);
        resumed.session.attach(link, { code: 4409, reason: 'replaced' });
        return resumed.session;
      }),
    );
    for (const { shared } of [home, here, there]) await shared.open();
    expect(outcomes.map(({ status }) => status)).toEqual(
      elsewhere ? expect.arrayContaining(['fulfilled']) : ['fulfilled', 'fulfilled'],
    );
    await expect.poll(() => links.filter(({ closed }) => closed === undefined).length, { timeout: 10_000 }).toBe(1);
    await expect
      .poll(() => [home, here, there].filter(({ registry }) => registry.size > 0).length, { timeout: 10_000 })
      .toBe(1);
  });

  it('that moved on is let go where it was, its connection closed with 4409, and what is written there changes nothing', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two')];
    const session = await first.begin();
    const link = new Link();
    session.attach(link, { code: 4409, reason: 'replaced' });
    first.shared.accepted(session, callOf('a'), Date.now() + 1000);
    await first.shared.flush();
    const { session: moved } = await second.resume(session);
    end(first.shared, session, 'a');
    await first.shared.flush();
    await first.shared.open();
    await expect.poll(() => link.closed, { timeout: 10_000 }).toBe(4409);
    expect(first.ends).toEqual([[session.id, 'moved']]);
    end(first.shared, session, 'a');
    await first.shared.flush();
    expect(database.rows.get(session.id)?.calls.get('a')).toMatchObject({ endSeq: undefined });
    expect(second.registry.get(session.id)).toBe(moved);
  });

  it('that comes back where it was is the newer one', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two')];
    const session = await first.begin();
    const { session: moved } = await second.resume(session);
    const back = await first.resume(moved, 7);
    expect(back).toMatchObject({ moved: true, session: { fence: 2 } });
    expect(back.session).not.toBe(session);
    expect(first.ends).toEqual([[session.id, 'moved']]);
    expect(first.registry.get(session.id)).toBe(back.session);
  });

  it('is refused here, and stays where it is, when there are too many sessions', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two', 1)];
    const busy = await second.begin();
    const session = await first.begin();
    await expect(second.resume(session)).rejects.toMatchObject({ code: 'OVER_CAPACITY' });
    expect(second.registry.get(busy.id)).toBe(busy);
    expect((await first.resume(session)).moved).toBe(false);
  });

  it('has a gap that is told, as without a store', async () => {
    const { begin, resume, shared } = server(new Database(), 'one');
    const session = await begin();
    for (let nth = 0; nth < 9; nth += 1) end(shared, session, `c${nth}`);
    await expect(resume(session, 1)).rejects.toMatchObject({ code: 'RESUME_FAILED' });
  });
});

describe('the store of shared sessions', () => {
  it('is not waited for: calls go on while it is away, and it has them once it is back; a resume meanwhile fails', async () => {
    const database = new Database();
    const [first, second] = [server(database, 'one'), server(database, 'two')];
    const session = await first.begin();
    database.isDown = true;
    first.shared.accepted(session, callOf('ended'), Date.now() + 1000);
    first.shared.accepted(session, callOf('open'), Date.now() + 1000);
    end(first.shared, session, 'ended');
    await first.shared.flush();
    for (const at of [first, second]) await expect(at.resume(session)).rejects.toMatchObject({ code: 'RESUME_FAILED' });
    database.isDown = false;
    await first.shared.flush();
    expect([...(database.rows.get(session.id)?.calls.keys() ?? [])]).toEqual(['open']);
    expect((await second.resume(session)).calls.map(({ call }) => call.id)).toEqual(['open']);
  });

  it('is written once for all that changes at about the same time, and keeps no end that was acknowledged', async () => {
    const database = new Database();
    const { shared, begin } = server(database, 'one');
    const session = await begin();
    const before = database.writes;
    for (let nth = 0; nth < 3; nth += 1) {
      shared.accepted(session, callOf(`c${nth}`), Date.now() + 1000);
      end(shared, session, `c${nth}`);
      session.outbox.take(nth + 1);
    }
    session.outbox.ack(2);
    await shared.flush();
    expect(database.writes - before).toBe(1);
    expect([...(database.rows.get(session.id)?.calls.keys() ?? [])]).toEqual(['c2']);
  });

  it('takes the same id for another call once the first has ended', async () => {
    const database = new Database();
    const { shared, begin } = server(database, 'one');
    const session = await begin();
    shared.accepted(session, callOf('a', 'first'), Date.now() + 1000);
    await shared.flush();
    end(shared, session, 'a');
    shared.accepted(session, callOf('a', 'second'), Date.now() + 1000);
    await shared.flush();
    const kept = database.rows.get(session.id)?.calls.get('a');
    expect(kept).toMatchObject({ endSeq: undefined });
    expect(kept?.call).toContain('second');
  });
});
