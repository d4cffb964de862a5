import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createServer } from '@exai/server';
import { connect as connectClient } from '@exai/server/client';
import { createPersona, createSimulator } from '@exai/providers/simulator';
import { afterEach, describe, expect, it } from 'vitest';

import { freshRedis } from './fresh-redis.ts';
import { completedSteps, endpoints, startChild } from './server-child.ts';
import { TestClient } from './test-client.ts';
import { chatOf, connect, startServer, until } from './test-server.ts';
import { freePort } from '../../../test/services/free-port.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'exai-durable-'));

describe('journals on disk', () => {
  it('answer a call that is sent again after a restart, refuse other arguments, and are for their owner only', async () => {
    const dataDir = await folder();
    const config = { store: 'file' as const, dataDir, audit: true };
    const first = await startServer(config);
    const one = await connect(first);
    one.call('a', 'chat', chatOf(5), { idempotencyKey: 'k' });
    const result = await one.end('a');
    await first.close({ graceMs: 0 });
    const second = await startServer(config);
    const two = await connect(second);
    two.call('b', 'chat', chatOf(5), { idempotencyKey: 'k' });
    expect(await two.end('b')).toMatchObject({ type: 'result', replayed: true, content: result['content'] });
    two.call('c', 'chat', chatOf(6), { idempotencyKey: 'k' });
    expect((await two.end('c'))['error'].code).toBe('IDEMPOTENCY_CONFLICT');
    expect(second.models.simulator?.log.calls).toHaveLength(0);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'audit.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('are used by one server at a time', async () => {
    const dataDir = await folder();
    await startServer({ store: 'file', dataDir });
    const second = await createServer({ port: 0, store: 'file', dataDir, audit: false });
    ends.push(() => second.close({ graceMs: 0 }));
    await expect(second.listen()).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('let a run that a drain stopped go on by itself after the restart', async () => {
    const dataDir = await folder();
    const simulator = await createSimulator({ timeScale: 0.01 });
    ends.push(() => simulator.close());
    const config = { store: 'file' as const, dataDir, ...freshRedis(), ...endpoints(simulator) };
    const first = await startServer(config);
    const one = await connect(first);
    simulator.faults.set({ slowdown: 1000 });
    one.call('a', 'chat', { prompt: 'hello' }, { idempotencyKey: 'k' });
    await until(() => simulator.log.calls.length === 1, 'it runs');
    await first.close({ graceMs: 0 });
    expect((await one.end('a'))['error'].code).toBe('SERVER_DRAINING');
    simulator.faults.clear();
    const second = await startServer(config);
    await until(() => simulator.log.calls.length === 2 && second.stats().callsInFlight === 0, 'it was done', 15_000);
    const two = await connect(second);
    two.call('b', 'chat', { prompt: 'hello' }, { idempotencyKey: 'k' });
    expect(await two.end('b')).toMatchObject({ type: 'result', stop: { kind: 'complete' } });
  });

  it('write an audit without any content', async () => {
    const dataDir = await folder();
    const server = await startServer({ audit: true, dataDir });
    const client = await connect(server);
    client.call('a', 'chat', chatOf(5, 'glm', 'a very secret question'));
    const answer = (await client.end('a'))['content'][0].text;
    await expect(connect(server, { headers: { authorization: 'Bearer guess-1234' } })).rejects.toThrow('401');
    await server.close({ graceMs: 0 });
    const log = readFileSync(join(dataDir, 'audit.jsonl'), 'utf8');
    expect(log).toContain('"what":"call"');
    expect(log).toContain('"what":"refused"');
    expect(log).not.toContain('guess-1234');
    expect(log).not.toContain('secret question');
    expect(log).not.toContain(answer.slice(0, 40));
    for (const line of log.trim().split('\n')) expect(JSON.parse(line).at).toMatch(/^\d{4}-/);
  });
});

describe('kill -9 with 5 calls running, 45 queued and 10 workflow runs', () => {
  it('ends every call with one result after the restart; completed steps are not run again', async () => {
    const [dataDir, port] = [await folder(), await freePort()];
    const simulator = await createSimulator({ timeScale: 0.004, persona: createPersona() });
    ends.push(() => simulator.close());
    const env = {
      EXAI_DATA_DIR: dataDir,
      EXAI_WS_PORT: String(port),
      EXAI_ALLOWED_ROOTS: examples,
      TEST_SIMULATOR: simulator.url,
    };
    const killed = await startChild(env);
    const url = `ws://127.0.0.1:${port}/ws`;
    const agents = await Promise.all(Array.from({ length: 10 }, () => connectClient(url, { delay: () => 50 })));
    ends.push(() => Promise.all(agents.map((agent) => agent.close())));
    const calls = agents.flatMap((agent, index) => [
      ...Array.from({ length: 5 }, (_, n) => agent.call('chat', { prompt: `question ${index} ${n}` })),
      agent.call('debug', { prompt: `find the bug of the planted-bug example, attempt ${index}`, provider: 'kimi' }),
    ]);
    const settled = Promise.allSettled(calls);
    await until(() => simulator.log.calls.length >= 12, 'work is under way', 20_000);
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await startChild(env);
    const outcomes = await settled;
    const kinds = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'result' : outcome.reason.code));
    expect(kinds.filter((kind) => kind !== 'result')).toEqual([]);
    expect(kinds).toHaveLength(60);
    for (const [run, steps] of await completedSteps(dataDir)) {
      expect(steps, `completed steps of ${run}`).toEqual([...new Set(steps)]);
    }
    const health = await agents[0]!.health();
    expect(health).toMatchObject({ healthy: true, leaked: 0 });
  }, 240_000);
});

describe('SIGTERM with 3 running, 3 queued and a hung hook', () => {
  it('exits with 0 within its grace and two seconds, every call with one end', async () => {
    const simulator = await createSimulator({ timeScale: 0.02, persona: createPersona() });
    ends.push(() => simulator.close());
    const port = await freePort();
    const child = await startChild({
      EXAI_STORE: 'memory',
      EXAI_DATA_DIR: await folder(),
      EXAI_WS_PORT: String(port),
      EXAI_MAX_RUNS: '1',
      TEST_SIMULATOR: simulator.url,
      TEST_HUNG_HOOK: '1',
    });
    const clients = await Promise.all([1, 2, 3].map(() => TestClient.connect(`ws://127.0.0.1:${port}/ws`)));
    for (const client of clients) {
      client.call('runs', 'chat', { prompt: 'hello' });
      client.call('waits', 'chat', { prompt: 'hello' });
      await client.next('accepted', 'waits');
    }
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(Number(/closed after (\d+) ms/.exec(said)?.[1])).toBeLessThan(1500 + 2000);
    for (const client of clients) {
      expect(await client.closed()).toBe(1012);
      expect(client.ends('runs')).toHaveLength(1);
      expect(client.ends('waits')).toHaveLength(1);
      expect(client.ends('waits')[0]?.['error'].code).toBe('SERVER_DRAINING');
    }
  }, 240_000);
});

const examples = new URL('../../../examples', import.meta.url).pathname;
