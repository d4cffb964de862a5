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
import { endpoints, startChild } from '../server-child.ts';
import { TestClient } from '../test-client.ts';
import { until } from '../test-server.ts';

const EXAMPLES = new URL('../../../../examples', import.meta.url).pathname;
const PATIENCE_MS = 90_000;

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

  it('answer every call once when one is killed, and run no completed step again', async () => {
    const simulator = await simulate(0.01);
    const url = await postgres.database();
    const env = { EXAI_POSTGRES_URL: url, EXAI_ALLOWED_ROOTS: EXAMPLES, TEST_SIMULATOR: simulator.url };
    const [first, second] = await Promise.all([startOnFreePort(env), startOnFreePort(env)]);
    const balanced = await balance([first.port, second.port]);
    const agents = await Promise.all(Array.from({ length: 4 }, () => connect(balanced, { delay: () => 50 })));
    ends.push(() => Promise.all(agents.map((agent) => agent.close())));
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
    const outcomes = (await settled).map((outcome) =>
      outcome.status === 'fulfilled' ? 'result' : outcome.reason.code,
    );
    expect(outcomes).toEqual(Array.from({ length: 8 }, () => 'result'));
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

  it('say that they are not ready while the database is gone, and are again when it is back', async () => {
    const simulator = await simulate(0.01);
    const server = await startHere(await postgres.database(), simulator);
    const told: (string | undefined)[] = [];
    server.on('storeChanged', ({ failure }) => told.push(failure));
    const ready = async (): Promise<number> => (await fetch(`${server.url}/readyz`)).status;
    const metric = async (): Promise<string | undefined> =>
      /^mcp_store_failed (\d)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1];
    expect([await ready(), await metric()]).toEqual([200, '0']);
    await postgres.kill();
    await expect.poll(ready, { timeout: PATIENCE_MS }).toBe(503);
    await expect.poll(metric, { timeout: PATIENCE_MS }).toBe('1');
    await postgres.start();
    await expect.poll(ready, { timeout: PATIENCE_MS }).toBe(200);
    await expect.poll(metric, { timeout: PATIENCE_MS }).toBe('0');
    expect([told[0], told.at(-1)]).toEqual(['the store of the journals cannot be written', undefined]);
    const client = await TestClient.connect(server.wsUrl);
    ends.push(() => client.close());
    client.call('a', 'chat', { prompt: 'hello' });
    expect(await client.end('a')).toMatchObject({ type: 'result' });
  });

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
