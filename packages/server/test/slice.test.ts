import { describe, expect, it } from 'vitest';

import { chatOf, connect, startServer, until } from './test-server.ts';

const profiles = [
  { name: 'the default limits', config: {}, peaks: { glm: 2, kimi: 3, total: 5 } },
  {
    name: 'GLM 4, Kimi 4, global 5',
    config: { glmMaxInFlight: 4, kimiMaxInFlight: 4 },
    peaks: { glm: 4, kimi: 4, total: 5 },
  },
];

describe('a call over the WebSocket', () => {
  it('is accepted, streamed and answered once, with numbered frames and its waits', async () => {
    const client = await connect(await startServer());
    client.call('a', 'chat_EXAI-WS', chatOf(20));
    const result = await client.end('a');
    expect(result).toMatchObject({ type: 'result', stop: { kind: 'complete' }, content: [{ type: 'text' }] });
    expect(result['timing'].queuedMs).toBeGreaterThanOrEqual(0);
    expect(result['usage'].totalTokens).toBeGreaterThan(0);
    await expect(client.next('accepted', 'a')).resolves.toMatchObject({ state: 'running' });
    const text = client.of('chunk', 'a').map((frame) => frame['delta']);
    expect(text.join('')).toBe(result['content'][0].text);
    const numbered = client.frames.filter((frame) => frame['seq'] !== undefined).map((frame) => frame['seq']);
    expect(numbered).toEqual(numbered.map((_, index) => index + 1));
  });

  it('tells the time scale of the simulator and the limits in welcome', async () => {
    const client = await connect(await startServer());
    expect(client.welcome).toMatchObject({
      version: 'exai.v1',
      resumed: false,
      simulator: { timeScale: 0.01, providers: ['glm', 'kimi'] },
      limits: { maxInFlight: 2, maxMessageBytes: 1_048_576, resumeWindowMs: 120_000, maxDeadlineMs: 3_600_000 },
    });
  });

  it('answers ping while work runs, and ends a cancelled call at once', async () => {
    const server = await startServer();
    const client = await connect(server);
    client.call('slow', 'chat', chatOf(60_000));
    await client.next('accepted', 'slow');
    client.send({ type: 'ping', t: 7 });
    expect(await client.next('pong')).toEqual({ type: 'pong', t: 7 });
    client.send({ type: 'cancel', id: 'slow', reason: 'changed my mind' });
    expect(await client.end('slow')).toMatchObject({
      type: 'error',
      error: { code: 'CANCELLED', message: 'changed my mind' },
    });
    await until(() => server.semaphore.stats().global.held === 0, 'the permit is back');
    await until(() => server.stats().callsInFlight === 0, 'the work is gone');
  });

  it('lets a session that says goodbye leave nothing behind', async () => {
    const server = await startServer();
    const client = await connect(server);
    client.call('slow', 'chat', chatOf(60_000));
    await client.next('accepted', 'slow');
    await client.close(1000);
    await until(() => server.stats().kept === 0, 'every map is empty');
    expect(server.semaphore.stats().global.held).toBe(0);
  });

  it('ends a call at its deadline with DEADLINE_EXCEEDED', async () => {
    const client = await connect(await startServer());
    client.call('late', 'chat', chatOf(60_000), { deadlineMs: 150 });
    expect(await client.end('late')).toMatchObject({
      type: 'error',
      error: { code: 'DEADLINE_EXCEEDED', retryable: false },
    });
  });
});

describe('three tools at once from three sessions', () => {
  it('none blocks another, none is refused', async () => {
    const server = await startServer();
    const clients = await Promise.all([1, 2, 3].map(() => connect(server)));
    const calls = [
      { tool: 'chat', args: chatOf(500, 'glm') },
      { tool: 'chat', args: chatOf(500, 'kimi') },
      { tool: 'chat', args: chatOf(500, 'kimi') },
    ];
    calls.forEach(({ tool, args }, index) => clients[index]!.call('c', tool, args));
    const ends = await Promise.all(clients.map((client) => client.end('c')));
    expect(ends.map((end) => end.type)).toEqual(['result', 'result', 'result']);
    for (const end of ends) expect(end['timing'].queuedMs).toBeLessThan(90);
    expect(server.models.simulator?.log.peak.total).toBe(3);
  });
});

/** Longer than a store across the network takes between two calls, so that the limits are what holds calls back. */
const SERVICE_MS = process.env['TEST_POSTGRES_URL'] === undefined ? 100 : 1000;

describe('the limits, seen by the simulator', () => {
  it.each(profiles)('never lets more run than $name', async ({ config, peaks }) => {
    const server = await startServer(config);
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(server)));
    for (const client of clients) {
      for (let index = 0; index < 6; index += 1)
        client.call(`c${index}`, 'chat', chatOf(SERVICE_MS, index % 2 === 0 ? 'glm' : 'kimi'));
    }
    for (const client of clients) {
      for (let index = 0; index < 6; index += 1) expect((await client.end(`c${index}`)).type).toBe('result');
    }
    const { peak } = server.models.simulator!.log;
    expect(peak.glm).toBeLessThanOrEqual(peaks.glm);
    expect(peak.kimi).toBeLessThanOrEqual(peaks.kimi);
    expect(peak.total, 'the global tier was filled').toBe(peaks.total);
  });
});

describe('bad input', () => {
  it('is answered with a typed error, acquires nothing and harms no other call of the connection', async () => {
    const server = await startServer({ maxMessageBytes: 4096 });
    const client = await connect(server);
    client.call('good', 'chat', chatOf(300));
    await client.next('accepted', 'good');
    await until(() => server.semaphore.stats().global.granted > 0, 'it got its permit');
    const granted = server.semaphore.stats().global.granted;
    client.send('{"type": "call", ');
    client.call('unknown', 'no_such_tool');
    client.call('bad', 'chat', { prompt: 7 });
    client.call('good', 'chat', chatOf(1));
    client.send({ type: 'call', id: 'extra', tool: 'chat', arguments: {}, surprise: 1 });
    client.send(JSON.stringify({ type: 'call', id: 'big', tool: 'chat', arguments: { prompt: 'x'.repeat(5000) } }));
    client.send('{"type":"call","id":"proto","tool":"chat","arguments":{"__proto__":{"x":1}}}');
    client.send(`{"type":"call","id":"deep","tool":"chat","arguments":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`);
    expect((await client.end('unknown'))['error']).toMatchObject({ code: 'UNKNOWN_TOOL', retryable: false });
    expect((await client.end('bad'))['error']).toMatchObject({ code: 'INVALID_ARGUMENTS' });
    expect((await client.end('extra'))['error'].code).toBe('INVALID_MESSAGE');
    expect((await client.end('proto'))['error'].message).toContain('__proto__');
    expect((await client.end('deep'))['error'].message).toContain('nested deeper');
    expect((await client.end('good')).type).toBe('result');
    const codes = client.frames.filter((f) => f.type === 'error' && f['id'] === undefined).map((f) => f['error'].code);
    expect(codes.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'DUPLICATE_ID',
      'INVALID_MESSAGE',
      'INVALID_MESSAGE',
    ]);
    expect(client.ends('good')).toHaveLength(1);
    expect(server.semaphore.stats().global.granted).toBe(granted);
    expect(client.closeCode).toBeUndefined();
  });

  it('closes 1003 for a binary message and 1009 for one four times over the limit', async () => {
    const server = await startServer({ maxMessageBytes: 1024 });
    const binary = await connect(server);
    binary.send(Buffer.from('{"type":"ping","t":1}'));
    expect(await binary.closed()).toBe(1003);
    const huge = await connect(server);
    huge.send('x'.repeat(5000));
    expect(await huge.closed()).toBe(1009);
  });

  it('wants a token where one is set, as bearer or in hello, and tells UNAUTHENTICATED', async () => {
    const server = await startServer({ tokens: ['correct horse'] });
    const without = await connect(server, { hello: false });
    without.hello();
    expect((await without.next('error'))['error'].code).toBe('UNAUTHENTICATED');
    expect(await without.closed()).toBe(4401);
    await expect(connect(server, { headers: { authorization: 'Bearer wrong' } })).rejects.toThrow('401');
    expect((await connect(server, { token: 'correct horse' })).welcome['resumed']).toBe(false);
  });

  it('closes a connection whose first frame is not hello, or that says nothing', async () => {
    const server = await startServer({ helloTimeoutMs: 60 });
    const rude = await connect(server, { hello: false });
    rude.call('a', 'chat', chatOf(1));
    expect(await rude.closed()).toBe(4400);
    const silent = await connect(server, { hello: false });
    expect(await silent.closed()).toBe(4408);
  });
});

describe('a call that is refused at the door', () => {
  it('leaves no timer behind', async () => {
    const server = await startServer({ maxRuns: 1, maxQueued: 1 });
    const client = await connect(server);
    client.call('runs', 'chat', chatOf(2000));
    client.call('waits', 'chat', chatOf(1));
    await client.next('accepted', 'waits');
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    for (let n = 0; n < 50; n += 1) client.call(`r${n}`, 'chat', chatOf(1));
    expect((await client.end('r49'))['error'].code).toBe('OVER_CAPACITY');
    expect(timers() - before).toBeLessThan(25);
  });
});

describe('over HTTP', () => {
  it('tells health, readiness, limits and the seven metric families', async () => {
    const server = await startServer();
    const client = await connect(server);
    client.call('a', 'chat', chatOf(5));
    await client.end('a');
    const health = await fetch(`${server.url}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      status: 'ok',
      simulator: { timeScale: 0.01 },
      limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } },
      timeouts: { kimi: { base: 240_000, web: 300_000, thinking: 360_000, webThinking: 420_000 } },
    });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toMatch(/mcp_semaphore_wait_seconds_count\{semaphore_type="global"\} [1-9]/);
    expect(text).toMatch(/mcp_semaphore_current_value\{semaphore_type="global",provider="none"\} 5/);
    expect(text).toMatch(/mcp_requests_total\{.*tool="chat".*outcome="ok".*\} 1/);
  });
});
