import { createServer, type ExaiServer } from '@exai/server';
import { createPersona, createSimulator, type Simulator } from '@exai/providers/simulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { hasRedis, startRedis, type TestRedis } from '../../../../test/services/start-redis.ts';
import { endpoints } from '../server-child.ts';
import { TestClient } from '../test-client.ts';

const PATIENCE_MS = 90_000;

describe.runIf(hasRedis('servers on one Redis'))('two servers on one Redis', { timeout: 180_000 }, () => {
  let redis: TestRedis;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(() => redis.close());

  it('keep the limits of their account together, and say which part each has', async () => {
    const simulator = await simulate();
    const servers = await Promise.all([startHere(simulator), startHere(simulator)]);
    await Promise.all(servers.map((server) => expect.poll(() => ready(server), { timeout: PATIENCE_MS }).toBe(200)));
    const clients = await Promise.all(servers.flatMap((server) => [connect(server), connect(server), connect(server)]));
    const results = clients.flatMap((client, nth) =>
      ['a', 'b', 'c', 'd'].map((id) => {
        client.call(id, 'chat', { prompt: 'hello', provider: nth % 2 === 0 ? 'glm' : 'kimi' });
        return client.end(id, PATIENCE_MS);
      }),
    );
    await expect.poll(() => simulator.log.peak.total, { timeout: PATIENCE_MS }).toBeGreaterThan(3);
    const leased = await Promise.all(servers.map(leasedPermits));
    expect(leased.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(5);
    for (const result of await Promise.all(results)) expect(result).toMatchObject({ type: 'result' });
    expect(simulator.log.calls).toHaveLength(24);
    expect(simulator.log.peak.glm).toBeLessThanOrEqual(2);
    expect(simulator.log.peak.kimi).toBeLessThanOrEqual(3);
    expect(simulator.log.calls.filter(({ status }) => status === 429)).toEqual([]);
  });

  it('are not ready while it is gone, say so, and go on when it is back', async () => {
    const server = await startHere(await simulate());
    const told: (string | undefined)[] = [];
    server.on('accountChanged', ({ failure }) => told.push(failure));
    await expect.poll(() => ready(server), { timeout: PATIENCE_MS }).toBe(200);
    expect(await metric(server, 'mcp_account_failed')).toBe(0);
    await redis.kill();
    const client = await connect(server);
    client.call('a', 'chat', { prompt: 'hello' });
    await expect.poll(() => ready(server), { timeout: PATIENCE_MS }).toBe(503);
    await expect.poll(() => metric(server, 'mcp_account_failed'), { timeout: PATIENCE_MS }).toBe(1);
    expect(told).toContain('the Redis of the shared limits cannot be used');
    await redis.start();
    expect(await client.end('a')).toMatchObject({ type: 'result' });
    await expect.poll(() => ready(server), { timeout: PATIENCE_MS }).toBe(200);
    await expect.poll(() => metric(server, 'mcp_account_failed'), { timeout: PATIENCE_MS }).toBe(0);
    expect(told.at(-1)).toBeUndefined();
  });

  async function simulate(): Promise<Simulator> {
    const simulator = await createSimulator({ timeScale: 0.05, persona: createPersona({ seed: 1 }) });
    ends.push(() => simulator.close());
    return simulator;
  }

  async function startHere(simulator: Simulator): Promise<ExaiServer> {
    const server = await createServer({
      port: 0,
      store: 'memory',
      audit: false,
      redisUrl: redis.url,
      ...endpoints(simulator),
    });
    ends.push(() => server.close({ graceMs: 0 }));
    return await server.listen();
  }

  async function connect(server: ExaiServer): Promise<TestClient> {
    const client = await TestClient.connect(server.wsUrl);
    ends.push(() => client.close());
    return client;
  }
});

async function ready(server: ExaiServer): Promise<number> {
  return (await fetch(`${server.url}/readyz`)).status;
}

async function metric(server: ExaiServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function leasedPermits(server: ExaiServer): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const counts = [...text.matchAll(/^mcp_account_leased\{[^}]*\} (\d+)$/gm)].map(([, count]) => Number(count));
  expect(counts).toHaveLength(2);
  return counts.reduce((sum, count) => sum + count, 0);
}
