import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as tcp } from 'node:net';

import { describe, expect, it } from 'vitest';

import { Authenticator } from '../src/http/authenticator.ts';
import { RequestGuard } from '../src/http/request-guard.ts';
import { redact } from '../src/calls/redact.ts';
import { TestClient } from './test-client.ts';
import { chatOf, connect, startServer, until } from './test-server.ts';
import { upgrade } from './upgrade.ts';

/** Status of a request with any Host and Origin; fetch would not let us lie. */
function status(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(url, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end();
  });
}

describe('Host and Origin', () => {
  it('are checked on every route, upgrades included', async () => {
    const server = await startServer({ allowedOrigins: ['https://tools.example'] });
    const own = `127.0.0.1:${server.port}`;
    for (const path of ['/healthz', '/readyz', '/metrics', '/nowhere']) {
      const url = `${server.url}${path}`;
      const fine = path === '/nowhere' ? 404 : 200;
      expect(await status(url, {})).toBe(fine);
      expect(await status(url, { host: 'evil.example' })).toBe(403);
      expect(await status(url, { origin: 'https://evil.example' })).toBe(403);
      expect(await status(url, { origin: 'null' })).toBe(403);
      expect(await status(url, { origin: `http://${own}` })).toBe(fine);
      expect(await status(url, { origin: 'https://tools.example' })).toBe(fine);
    }
    expect(await upgrade(server.wsUrl, {})).toBe(101);
    expect(await upgrade(server.wsUrl, { host: 'evil.example' })).toBe(403);
    expect(await upgrade(server.wsUrl, { origin: 'https://evil.example' })).toBe(403);
    expect(await upgrade(server.wsUrl, { origin: `http://${own}` })).toBe(101);
    expect(await upgrade(server.wsUrl, { origin: 'https://tools.example' })).toBe(101);
  });

  it.each([
    ['127.0.0.1', 'localhost:8079', true],
    ['127.0.0.1', '[::1]:8079', true],
    ['127.0.0.1', '192.168.1.5:8079', false],
    ['10.0.0.5', '10.0.0.5:8079', true],
    ['10.0.0.5', 'localhost:8079', false],
    ['0.0.0.0', 'anything.example', true],
  ])('listening on %s, the Host %s is served: %s', (host, header, served) => {
    const guard = new RequestGuard({ host, allowedHosts: [], allowedOrigins: [] });
    expect(guard.check({ headers: { host: header } } as never) === undefined).toBe(served);
  });
});

describe('an upgrade', () => {
  it('is refused on another path, with another subprotocol, and over the limits, with the right status', async () => {
    const server = await startServer({ connectionsPerAddress: 2, tokens: ['correct horse'] });
    expect(await upgrade(server.wsUrl.replace('/ws', '/other'), {})).toBe(404);
    expect(await upgrade(server.wsUrl, {}, 'exai.v9')).toBe(400);
    expect(await upgrade(server.wsUrl, { authorization: 'Bearer wrong' })).toBe(401);
    expect(await upgrade(server.wsUrl, { authorization: 'Basic Zm9v' })).toBe(401);
    expect(await upgrade(server.wsUrl, { authorization: 'Bearer correct horse' })).toBe(401);
    await until(() => server.stats().connections === 0, 'all are gone');
    await connect(server, { token: 'correct horse' });
    await connect(server, { token: 'correct horse' });
    expect(await upgrade(server.wsUrl, {})).toBe(429);
  });

  it('that is reset at any moment does not end the process', async () => {
    const server = await startServer();
    for (let index = 0; index < 20; index += 1) {
      const socket = tcp(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`,
      );
      if (index % 2 === 0) {
        socket.write('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
      }
      await new Promise((resolve) => setTimeout(resolve, index % 5));
      socket.resetAndDestroy();
    }
    expect(await status(`${server.url}/healthz`, {})).toBe(200);
    await until(() => server.stats().connections === 0, 'none is kept');
  });
});

describe('a client that does not read', () => {
  it('costs bounded memory, is cut, and can resume without loss or is told so', async () => {
    const server = await startServer({ highWaterBytes: 16 * 1024, outboxBytes: 64 * 1024 });
    const deaf = await connect(server);
    const { sessionId, resumeToken } = deaf.welcome;
    deaf.ws.pause();
    const session = server.sessions.get(sessionId)!;
    for (let index = 0; index < 20_000 && session.connected; index += 1) {
      session.send({
        type: 'error',
        id: `c${index}`,
        error: { code: 'INTERNAL', message: 'x'.repeat(9000), retryable: false },
      });
      if (index % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => !session.connected, 'it was cut');
    expect(session.outbox.bytes).toBeLessThanOrEqual(64 * 1024);
    deaf.ws.terminate();
    const back = await connect(server, { hello: false });
    back.hello({ resume: { sessionId, resumeToken, lastSeq: 0 } });
    expect((await back.next('error'))['error'].code).toBe('RESUME_FAILED');
  });

  it('gets the whole text when it reads again: pieces it had no room for are joined', async () => {
    const server = await startServer({ highWaterBytes: 1024 });
    const slow = await connect(server);
    slow.ws.pause();
    slow.call('a', 'chat', chatOf(400, 'glm', 'tell me a long story '.repeat(40)));
    await until(() => server.stats().callsInFlight === 1, 'it runs');
    await until(() => server.stats().callsInFlight === 0, 'it is done');
    slow.ws.resume();
    const result = await slow.end('a');
    const text = slow.of('chunk', 'a').map((frame) => frame['delta']);
    expect(text.join('')).toBe(result['content'][0].text);
  });
});

describe('a connection', () => {
  it('that gives no sign of life for two beats is cut; its session stays', async () => {
    const server = await startServer({ heartbeatMs: 40 });
    const client = await connect(server);
    client.ws.pong = () => undefined;
    const socket = (client.ws as unknown as { _receiver: { removeAllListeners(name: string): void } })._receiver;
    socket.removeAllListeners('ping');
    await client.closed();
    await until(() => server.stats().connections === 0, 'the server cut it');
    expect(server.stats().sessions).toBe(1);
  });

  it('that sends faster than its rate is slowed down, not cut, and loses nothing', async () => {
    const server = await startServer({ messagesPerSecond: 20 });
    const client = await connect(server);
    const sentAt = Date.now();
    for (let index = 0; index < 60; index += 1) client.send({ type: 'ping', t: index });
    await client.until(() => (client.of('pong').length === 60 ? true : undefined), 'the burst');
    client.send({ type: 'ping', t: 60 });
    await client.until(() => (client.of('pong').length === 61 ? true : undefined), 'the last pong');
    expect(Date.now() - sentAt, '61 frames at 20 a second after a burst of 40').toBeGreaterThan(900);
    expect(client.closeCode).toBeUndefined();
  });

  it('that does nothing but break the rules is closed with 4400', async () => {
    const client = await connect(await startServer());
    for (let index = 0; index < 30; index += 1) client.send('nonsense');
    expect(await client.closed()).toBe(4400);
  });
});

describe('tokens', () => {
  const authenticator = new Authenticator({
    tokens: ['agent-one', 'agent-two'],
    adminToken: 'administrator',
    loopback: false,
  });

  it('are principals of their own, and only the admin token opens the rest', () => {
    expect(authenticator.identify(undefined)).toBeUndefined();
    expect(authenticator.identify('agent')).toBeUndefined();
    const [one, two] = [authenticator.identify('agent-one'), authenticator.identify('agent-two')];
    expect(one?.principal).not.toBe(two?.principal);
    expect(one?.admin).toBe(false);
    expect(authenticator.opensMetrics('agent-one')).toBe(false);
    expect(authenticator.opensMetrics('administrator')).toBe(true);
    expect(JSON.stringify(authenticator) + JSON.stringify(one)).not.toContain('agent-one');
  });

  it('show an agent its own session and an admin everything', async () => {
    const server = await startServer({ tokens: ['agent-token'], adminToken: 'administrator' });
    const agent = await connect(server, { token: 'agent-token' });
    const other = await connect(server, { token: 'agent-token' });
    const admin = await connect(server, { token: 'administrator' });
    other.call('a', 'chat', chatOf(600));
    await other.next('accepted', 'a');
    await until(() => server.semaphore.stats().global.held === 1, 'it runs');
    for (const client of [agent, other, admin]) client.send({ type: 'subscribe', id: 's', intervalMs: 250 });
    expect((await agent.next('snapshot'))['snapshot']).toMatchObject({ scope: 'session', calls: [], holders: [] });
    expect((await agent.next('snapshot'))['snapshot'].sessions).toHaveLength(1);
    expect((await other.next('snapshot'))['snapshot'].calls).toHaveLength(1);
    const all = (await admin.next('snapshot'))['snapshot'];
    expect(all).toMatchObject({ scope: 'all', calls: [{ tool: 'chat', provider: 'glm' }] });
    expect(all.sessions).toHaveLength(3);
    expect(all.holders).toHaveLength(1);
  });
});

describe('what is logged or sent', () => {
  it('shows no keys', () => {
    const text = redact('key sk-abcdef1234567890 and Bearer abc.def.ghi-jkl and https://x/?token=hidden1234&a=1');
    expect(text).not.toMatch(/abcdef|abc\.def|hidden/);
    expect(text).toContain('&a=1');
  });
});

describe('two servers in one process', () => {
  it('do not know each other', async () => {
    const [one, two] = [await startServer(), await startServer()];
    const client: TestClient = await connect(one);
    client.call('a', 'chat', chatOf(5));
    await client.end('a');
    expect(one.semaphore.stats().global.granted).toBe(1);
    expect(two.semaphore.stats().global.granted).toBe(0);
    expect(await (await fetch(`${two.url}/metrics`)).text()).not.toMatch(/mcp_requests_total\{.*\} [1-9]/);
  });
});
