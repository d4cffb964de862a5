import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { createServer as createTcp, connect as connectTcp, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createServer, type ExaiServer } from '@exai/server';
import { connect } from '@exai/server/client';
import { createPersona, createSimulator, type Simulator } from '@exai/providers/simulator';
import type { JournalRecord } from '@exai/workflow';
import { postgresStore, type PostgresStore } from '@exai/workflow/postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { freePort } from '../../../../test/services/free-port.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../../../test/services/start-postgres.ts';
import { createServerPool } from '../../src/compose/postgres-pool.ts';
import { PostgresSessionStore } from '../../src/sessions/postgres-session-store.ts';
import { endpoints, startChild } from '../server-child.ts';
import { TestClient } from '../test-client.ts';
import { until } from '../test-server.ts';

const EXAMPLES = new URL('../../../../examples', import.meta.url).pathname;
const PATIENCE_MS = 90_000;
const NO_CHANGES = { begun: [], accepted: [], finished: [], acked: [], confirmed: [], ended: [] };

describe.runIf(hasPostgres('servers on one PostgreSQL'))('two servers on one PostgreSQL', { timeout: 180_000 }, () => {
  let postgres: TestPostgres;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => postgres.close());

  async function startOnFreePort(env: Record<string, string>): Promise<{ child: ChildProcess; port: number }> {
    const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), 'exai-two-'))];
    return { child: await startChild({ EXAI_WS_PORT: String(port), EXAI_DATA_DIR: dir, ...env }), port };
  }

  /** A balancer: the first server that takes the connection. */
  async function balance(ports: readonly number[]): Promise<string> {
    const proxy: Server = createTcp((client) => {
      const tryFrom = (index: number): void => {
        const port = ports[index];
        if (port === undefined) return void client.destroy();
        const server = connectTcp(port, '127.0.0.1');
        server.once('connect', () => {
          client.pipe(server).pipe(client);
          server.on('close', () => client.destroy());
          client.on('close', () => server.destroy());
        });
        server.on('error', () => (server.connecting || server.bytesRead === 0 ? tryFrom(index + 1) : client.destroy()));
      };
      client.on('error', () => undefined);
      tryFrom(0);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    ends.push(() => proxy.close());
    const address = proxy.address();
    return `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/ws`;
  }

  async function simulate(timeScale: number): Promise<Simulator> {
    const simulator = await createSimulator({ timeScale, persona: createPersona() });
    ends.push(() => simulator.close());
    return simulator;
  }

  async function completedSteps(store: PostgresStore): Promise<Map<string, number[]>> {
    const steps = new Map<string, number[]>();
    for (const { header } of await store.list({ kind: 'run', limit: 1000 })) {
      const done: number[] = [];
      for await (const record of store.read(header.id)) {
        const { type, step } = record as JournalRecord & { step: number };
        if (type === 'step.finished') done.push(step);
      }
      steps.set(header.id, done);
    }
    return steps;
  }

  it('keep sessions and answer every call once when one is killed, and run no completed step again', async () => {
    const simulator = await simulate(0.01);
    const url = await postgres.database();
    const env = { EXAI_POSTGRES_URL: url, EXAI_ALLOWED_ROOTS: EXAMPLES, TEST_SIMULATOR: simulator.url };
    const [first, second] = await Promise.all([startOnFreePort(env), startOnFreePort(env)]);
    const balanced = await balance([first.port, second.port]);
    const agents = await Promise.all(Array.from({ length: 3 }, () => connect(balanced, { delay: () => 50 })));
    ends.push(() => Promise.all(agents.map((agent) => agent.close())));
    const sessions = agents.map(({ sessionId }) => sessionId);
    const resumed: boolean[] = [];
    for (const agent of agents) agent.on('connected', (event) => resumed.push(event.resumed));
    const bare = await bareClient(balanced, url);
    const leaver = await connect(balanced, { delay: () => undefined });
    const abandoned = leaver.call('chat', { prompt: 'nobody waits for this' });
    const left = abandoned.catch((error: { code: string }) => error.code);
    const settled = Promise.allSettled(
      agents.flatMap((agent, index) => [
        agent.call('chat', { prompt: `question ${index}` }),
        agent.call('debug', { prompt: `find the bug of the planted-bug example, attempt ${index}`, provider: 'kimi' }),
      ]),
    );
    const store = postgresStore({ url });
    ends.push(() => store.close());
    const begun = async (): Promise<number> => (await store.list({ kind: 'run', limit: 1000 })).length;
    await expect
      .poll(async () => (await begun()) > 5 && simulator.log.calls.length > 6, { timeout: PATIENCE_MS })
      .toBe(true);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await expectResumed(bare, balanced);
    const outcomes = (await settled).map((outcome) =>
      outcome.status === 'fulfilled' ? 'result' : outcome.reason.code,
    );
    expect(outcomes).toEqual(Array.from({ length: 6 }, () => 'result'));
    expect(agents.map(({ sessionId }) => sessionId)).toEqual(sessions);
    expect([resumed.length >= 3, new Set(resumed)]).toEqual([true, new Set([true])]);
    await left;
    await expect
      .poll(async () => (await store.list({ kind: 'run', limit: 1000 })).map(({ lastType }) => lastType), {
        timeout: PATIENCE_MS,
      })
      .toEqual(Array.from({ length: await begun() }, () => 'run.finished'));
    for (const [run, steps] of await completedSteps(store)) {
      expect(steps, `completed steps of ${run}`).toEqual([...new Set(steps)]);
    }
  });

  /** A client that repairs nothing, with a call that has ended, a long one, and a long one without a key. */
  async function bareClient(url: string, database: string): Promise<TestClient> {
    const client = await TestClient.connect(url);
    client.call('done', 'chat', { prompt: 'hello' }, { idempotencyKey: 'done' });
    await client.end('done');
    const bug = { prompt: 'find the bug of the planted-bug example', provider: 'kimi' };
    client.call('long', 'debug', bug, { idempotencyKey: 'long' });
    client.call('plain', 'debug', bug);
    await Promise.all([client.next('progress', 'long'), client.next('accepted', 'plain')]);
    const kept = 'select 1 from exai.session_calls where session_id = $1 and (end_seq is not null) = (id = $2)';
    const rows = () => postgres.sql(kept, [client.welcome['sessionId'], 'done'], new URL(database).pathname.slice(1));
    await expect.poll(async () => (await rows()).length, { timeout: PATIENCE_MS }).toBe(3);
    return client;
  }

  /** Its server is gone: the session is the same on the other one, goes on after what the client has, and ends every call once. */
  async function expectResumed(client: TestClient, url: string): Promise<void> {
    await client.closed();
    const { lastSeq, welcome } = client;
    const { sessionId, resumeToken } = welcome;
    const back = await TestClient.connect(url, { resume: { sessionId, resumeToken, lastSeq } });
    ends.push(() => back.close());
    expect(back.welcome).toMatchObject({ resumed: true, moved: true, sessionId });
    back.send({ type: 'ping', t: 1 });
    await back.next('pong');
    const thief = await TestClient.connect(url, { hello: false });
    ends.push(() => thief.close());
    thief.hello({ resume: { sessionId, resumeToken, lastSeq } });
    expect((await thief.next('error'))['error']).toMatchObject({ code: 'RESUME_FAILED' });
    expect((await back.end('plain'))['error']).toMatchObject({ code: 'RESUME_FAILED', retryable: false });
    await back.end('long', PATIENCE_MS);
    expect(['done', 'plain', 'long'].map((id) => back.ends(id).length + client.ends(id).length)).toEqual([1, 1, 1]);
    expect(back.ends('long')[0]).toMatchObject({ type: 'result' });
    const numbers = back.frames.flatMap((frame) => (frame['seq'] === undefined ? [] : [frame['seq']]));
    expect(numbers).toEqual(numbers.map((_, index) => lastSeq + 1 + index));
    const progress = [...client.of('progress', 'long'), ...back.of('progress', 'long')].map(
      (frame) => frame['progress'] as number,
    );
    expect(progress).toEqual([...new Set(progress)].toSorted((a, b) => a - b));
  }

  it('join a run that the other one drives: one run, one answer for both', async () => {
    const simulator = await simulate(0.01);
    const url = await postgres.database();
    const servers = await Promise.all([1, 2].map(() => startHere(url, simulator)));
    const clients = await Promise.all(servers.map(({ wsUrl }) => TestClient.connect(wsUrl)));
    ends.push(() => Promise.all(clients.map((client) => client.close())));
    clients[0]?.call('a', 'chat', { prompt: 'hello' }, { idempotencyKey: 'k' });
    await until(() => simulator.log.calls.length === 1, 'it runs', PATIENCE_MS);
    clients[1]?.call('b', 'chat', { prompt: 'hello' }, { idempotencyKey: 'k' });
    const [one, two] = [await clients[0]?.end('a'), await clients[1]?.end('b')];
    expect(one?.['content']).toEqual(two?.['content']);
    expect(two).toMatchObject({ type: 'result', stop: { kind: 'complete' } });
    expect(simulator.log.calls).toHaveLength(1);
  });

  it('give the answer of the other one when that has taken a run over', async () => {
    const simulator = await simulate(0.01);
    const url = await postgres.database();
    const [slow, heir] = await Promise.all([1, 2].map(() => startHere(url, simulator)));
    const client = await TestClient.connect(slow!.wsUrl);
    ends.push(() => client.close());
    simulator.faults.set({ slowdown: 1000 });
    client.call('a', 'chat', { prompt: 'hello' }, { idempotencyKey: 'k' });
    await until(() => simulator.log.calls.length === 1, 'it runs', PATIENCE_MS);
    simulator.faults.clear();
    // What a pause beyond the lease comes to: it ends, and whoever looks first has the run.
    const store = postgresStore({ url });
    ends.push(() => store.close());
    const [summary] = await store.list({ kind: 'run' });
    const runId = summary?.header.id ?? '';
    const database = new URL(url).pathname.slice(1);
    await postgres.sql(
      'update exai.journals set lease_owner = $1, epoch = epoch + 1',
      ['a server that is gone'],
      database,
    );
    expect(await client.end('a')).toMatchObject({ type: 'result', stop: { kind: 'complete' } });
    expect((await heir!.engine.get(runId))?.status).toBe('finished');
    expect(simulator.log.calls.length).toBe(2);
  });

  it('hand a session over while both live, and the calls that a drain stops; nothing of it is kept in the end', async () => {
    const simulator = await simulate(0.01);
    const url = await postgres.database();
    const [first, second] = await Promise.all([1, 2].map(() => startHere(url, simulator)));
    const [mover, stayer] = [await TestClient.connect(first!.wsUrl), await TestClient.connect(first!.wsUrl)];
    simulator.faults.set({ slowdown: 1000 });
    mover.call('a', 'chat', { prompt: 'hello', provider: 'kimi' }, { idempotencyKey: 'a' });
    stayer.call('b', 'chat', { prompt: 'hello' }, { idempotencyKey: 'b' });
    stayer.call('plain', 'chat', { prompt: 'hello' });
    await until(() => simulator.log.calls.length === 3, 'all run', PATIENCE_MS);
    await expectKept(url, { sessions: 2, calls: 3 });
    const moved = await moveTo(second!, mover);
    expect(await mover.closed()).toBe(4409);
    expect([first!.sessions.size, second!.sessions.size]).toEqual([1, 1]);
    simulator.faults.clear();
    await first!.close({ graceMs: 0 });
    expect(await stayer.closed()).toBe(1012);
    expect([mover.ends('a'), stayer.ends('b')]).toEqual([[], []]);
    expect(stayer.ends('plain')[0]?.['error']).toMatchObject({ code: 'SERVER_DRAINING' });
    const stayed = await moveTo(second!, stayer);
    expect(await stayed.end('b', PATIENCE_MS)).toMatchObject({
      type: 'result',
    });
    expect(await moved.end('a', PATIENCE_MS)).toMatchObject({ type: 'result' });
    expect(stayed.ends('plain')).toEqual([]);
    await Promise.all([stayed.close(), moved.close()]);
    await expectKept(url, { sessions: 0, calls: 0 });
  });

  /** Waits until there are so many sessions, and calls that have not ended. */
  async function expectKept(url: string, rows: { sessions: number; calls: number }): Promise<void> {
    const query = `select (select count(*)::int from exai.sessions) as sessions,
      (select count(*)::int from exai.session_calls where end_seq is null) as calls`;
    const count = () => postgres.sql(query, [], new URL(url).pathname.slice(1));
    await expect.poll(count, { timeout: PATIENCE_MS }).toEqual([rows]);
  }

  it('give a session that many want at once to one after the other, and one that expired to nobody', async () => {
    const { pool, end } = createServerPool(await postgres.database());
    ends.push(end);
    const stores = Array.from({ length: 8 }, (_, nth) => {
      return new PostgresSessionStore({ pool, owner: `server ${nth}`, keptMs: 60_000 });
    });
    await Promise.all(stores.map((store) => store.open()));
    const [first, ...others] = stores;
    const begun = (id: string) => ({ ...NO_CHANGES, begun: [{ id, principal: 'p', tokenHash: 'old' }] });
    await first!.write(begun('s'));
    const takeAs = (nth: number) => ({ id: 's', principal: 'p', presentedHash: 'old', tokenHash: `new ${nth}` });
    const taken = await Promise.all(others.map((store, nth) => store.take(takeAs(nth))));
    const fences = taken.flatMap((one) => (one === undefined ? [] : [one.fence])).toSorted((a, b) => a - b);
    expect(fences).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(taken.filter((one) => one?.wasOurs)).toEqual([]);
    const owner = others.findIndex((_, nth) => taken[nth]?.fence === 7);
    const lost = await Promise.all(stores.map(async (store) => (await store.lost()).length));
    expect(lost).toEqual(stores.map((_, nth) => (nth === owner + 1 ? 0 : 1)));
    const open = await Promise.all(others.map((store) => store.calls('s', 7, 0)));
    expect(open.map((calls) => calls !== undefined)).toEqual(others.map((_, nth) => nth === owner));
    const brief = new PostgresSessionStore({ pool, owner: 'brief', keptMs: -1 });
    await brief.write(begun('e'));
    expect(await first!.take({ ...takeAs(0), id: 'e' })).toBeUndefined();
    await first!.renew();
    expect(await brief.calls('e', 0, 0)).toBeUndefined();
    const accepted = (id: string, endSeq?: number) => ({ session: 's', id, call: id, leftMs: 60_000, endSeq });
    await first!.write({ ...NO_CHANGES, accepted: [accepted('of one that is not the owner')] });
    await others[owner]!.write({ ...NO_CHANGES, accepted: [accepted('open'), accepted('ended', 5e9)] });
    await first!.write({ ...NO_CHANGES, finished: [{ session: 's', id: 'open', seq: 1 }], ended: ['s'] });
    const kept = async (afterSeq: number) =>
      (await others[owner]!.calls('s', 7, afterSeq))?.map(({ call }) => call).toSorted();
    expect([await kept(4e9), await kept(5e9)]).toEqual([['ended', 'open'], ['open']]);
  });

  it('say that they are not ready while the database is gone, and are again when it is back', async () => {
    const simulator = await simulate(0.01);
    const url = await postgres.database();
    const server = await startHere(url, simulator);
    const { pool, end } = createServerPool(url);
    ends.push(end);
    const connection = await pool.connect();
    const asked = connection.query({ text: 'select pg_sleep(60)' });
    const answer = asked.then(String, (error: Error) => error.message).finally(() => connection.release(true));
    const told: (string | undefined)[] = [];
    server.on('storeChanged', ({ failure }) => told.push(failure));
    const ready = async (): Promise<number> => (await fetch(`${server.url}/readyz`)).status;
    const metric = async (): Promise<string | undefined> =>
      /^mcp_store_failed (\d)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1];
    expect([await ready(), await metric()]).toEqual([200, '0']);
    await postgres.kill();
    expect(await answer).toMatch(/terminat/);
    await expect.poll(ready, { timeout: PATIENCE_MS }).toBe(503);
    await expect.poll(metric, { timeout: PATIENCE_MS }).toBe('1');
    const lost = await TestClient.connect(server.wsUrl);
    ends.push(() => lost.close());
    const late = await TestClient.connect(server.wsUrl, { hello: false });
    ends.push(() => late.close());
    const { sessionId, resumeToken } = lost.welcome;
    late.hello({ resume: { sessionId, resumeToken, lastSeq: 0 } });
    expect((await late.next('error'))['error']).toMatchObject({ code: 'RESUME_FAILED', retryable: true });
    await postgres.start();
    await expect.poll(ready, { timeout: PATIENCE_MS }).toBe(200);
    await expect.poll(metric, { timeout: PATIENCE_MS }).toBe('0');
    expect([told[0], told.at(-1)]).toEqual(['the store of the journals cannot be written', undefined]);
    const client = await TestClient.connect(server.wsUrl);
    ends.push(() => client.close());
    client.call('a', 'chat', { prompt: 'hello' });
    expect(await client.end('a')).toMatchObject({ type: 'result' });
  });

  /** Resumes the session of a client on a server; its own connection, if it has one, stays as it is. */
  async function moveTo(server: ExaiServer, { welcome, lastSeq }: TestClient): Promise<TestClient> {
    const { sessionId, resumeToken } = welcome;
    const back = await TestClient.connect(server.wsUrl, { resume: { sessionId, resumeToken, lastSeq } });
    ends.push(() => back.close());
    expect(back.welcome).toMatchObject({ resumed: true, moved: true, sessionId });
    return back;
  }

  async function startHere(postgresUrl: string, simulator: Simulator): Promise<ExaiServer> {
    const server = await createServer({
      port: 0,
      audit: false,
      postgresUrl,
      ...endpoints(simulator),
    });
    ends.push(() => server.close({ graceMs: 0 }));
    return await server.listen();
  }
});
