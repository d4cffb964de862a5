import { describe, expect, it } from 'vitest';

import { chatOf, connect, startServer, until } from './test-server.ts';

describe('a drain', () => {
  it('tells clients, finishes what runs, refuses what waits with a retry hint, closes with 1012, and ends though its hook hangs', async () => {
    const server = await startServer({ maxRuns: 1 }, { onDrain: () => new Promise(() => undefined) });
    const clients = await Promise.all([1, 2, 3].map(() => connect(server)));
    for (const client of clients) {
      client.call('runs', 'chat', chatOf(400));
      client.call('waits', 'chat', chatOf(400));
    }
    await until(
      () => server.stats().callsInFlight === 6 && server.stats().runsAtDoor === 3,
      'three run and three wait',
    );
    const startedAt = Date.now();
    const closing = server.close({ graceMs: 4000 });
    expect(server.stats().draining).toBe(true);
    for (const client of clients) {
      expect(await client.next('goaway')).toMatchObject({ reason: 'drain', deadlineMs: 4000 });
      expect((await client.end('waits'))['error']).toMatchObject({ code: 'SERVER_DRAINING', retryable: true });
      expect((await client.end('waits'))['error'].retryAfterMs).toBeGreaterThan(0);
      client.call('late', 'chat', chatOf(1));
      expect((await client.end('late'))['error'].code).toBe('SERVER_DRAINING');
      expect((await client.end('runs')).type).toBe('result');
    }
    await closing;
    for (const client of clients) expect(await client.closed()).toBe(1012);
    expect(Date.now() - startedAt).toBeLessThan(6000);
    expect(server.semaphore.stats().global.held).toBe(0);
    expect(server.stats().kept).toBe(0);
  });

  it('stops what does not end within its grace with SERVER_DRAINING, and lets nobody in meanwhile', async () => {
    const server = await startServer();
    const client = await connect(server);
    client.call('long', 'chat', chatOf(60_000));
    await until(() => server.semaphore.stats().global.held === 1, 'it runs');
    const closing = server.close({ graceMs: 200 });
    expect((await client.end('long'))['error'].code).toBe('SERVER_DRAINING');
    await closing;
    await expect(connect(server)).rejects.toThrow();
    expect(server.semaphore.stats().global.held).toBe(0);
  });

  it('is not ready while it drains, and alive', async () => {
    const server = await startServer();
    const client = await connect(server);
    client.call('runs', 'chat', chatOf(500));
    await until(() => server.stats().callsInFlight === 1, 'it runs');
    // A connection opened before: a draining server takes no new ones.
    const { Agent, request } = await import('undici');
    const agent = new Agent({ connections: 1, keepAliveTimeout: 4000 });
    await (await request(`${server.url}/readyz`, { dispatcher: agent })).body.text();
    const closing = server.close({ graceMs: 3000 });
    const ready = await request(`${server.url}/readyz`, { dispatcher: agent }).catch(() => undefined);
    if (ready !== undefined) expect(ready.statusCode).toBe(503);
    await ready?.body.text();
    await client.end('runs');
    await closing;
    await agent.close();
  });
});
