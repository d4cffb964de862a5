import { request as httpRequest } from 'node:http';

import type { ExaiServer } from '@exai/server';
import { describe, expect, it } from 'vitest';

import { chatOf, connect, startServer, until } from '../test-server.ts';
import { HTTP_CLIENTS } from './mcp-clients.ts';

const VERSION = '2025-06-18';
const ACCEPT = 'application/json, text/event-stream';

interface Answer {
  status: number;
  headers: Headers;
  /** The messages of the body, whether it came as JSON or as events. */
  messages: any[];
}

async function post(server: ExaiServer, message: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: ACCEPT, ...headers },
    body: typeof message === 'string' ? message : JSON.stringify(message),
  });
  const text = await response.text();
  const events = [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => JSON.parse(data));
  return {
    status: response.status,
    headers: response.headers,
    messages: events.length > 0 || text === '' ? events : [JSON.parse(text)],
  };
}

function initialize(server: ExaiServer, headers: Record<string, string> = {}): Promise<Answer> {
  const params = { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  return post(server, { jsonrpc: '2.0', id: 0, method: 'initialize', params }, headers);
}

async function openSession(server: ExaiServer, headers: Record<string, string> = {}): Promise<string> {
  const { headers: answered } = await initialize(server, headers);
  return answered.get('mcp-session-id') ?? '';
}

function call(id: number, args: unknown) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'chat', arguments: args } };
}

function held(server: ExaiServer): number {
  return server.semaphore.stats().global.held;
}

describe('a session of a 2025 client', () => {
  it('has an unguessable id, is needed, belongs to its principal, and ends on DELETE with what it runs', async () => {
    const server = await startServer({ tokens: ['alice-token', 'bob-token'] });
    const [alice, bob] = ['alice', 'bob'].map((name) => ({ authorization: `Bearer ${name}-token` }));
    const id = await openSession(server, alice);
    expect(id).toMatch(/^[\w-]{22}$/);
    expect((await post(server, call(1, chatOf(10)), alice)).status).toBe(400);
    const session = { 'mcp-session-id': id };
    expect((await post(server, call(1, chatOf(10)), { ...bob, ...session })).status).toBe(404);
    expect((await post(server, call(1, chatOf(10)), session)).status).toBe(401);
    const slow = post(server, call(2, chatOf(60_000)), { ...alice, ...session }).catch(() => undefined);
    await until(() => held(server) === 1, 'the call runs');
    const gone = await fetch(`${server.url}/mcp`, { method: 'DELETE', headers: { ...alice, ...session } });
    expect(gone.status).toBe(200);
    await until(() => held(server) === 0, 'the call was cancelled');
    await slow;
    expect((await post(server, call(3, chatOf(10)), { ...alice, ...session })).status).toBe(404);
    expect(server.stats().sessions).toBe(0);
  });

  it('ends when it was idle too long, and its transport with it', async () => {
    const server = await startServer({
      sessionTimeoutMs: 2000,
      chatDeadlineMs: 200,
      workflowDeadlineMs: 200,
      glmTimeouts: { base: 100, web: 100, thinking: 100, webThinking: 100 },
      kimiTimeouts: { base: 100, web: 100, thinking: 100, webThinking: 100 },
      simTimeScale: 0.001,
    });
    const session = { 'mcp-session-id': await openSession(server) };
    const ended: string[] = [];
    server.on('sessionEnded', ({ reason }) => ended.push(reason));
    const stream = await fetch(`${server.url}/mcp`, { headers: { accept: 'text/event-stream', ...session } });
    expect(stream.status).toBe(200);
    await until(() => server.stats().sessions === 0, 'the idle session ended');
    expect(ended).toEqual(['expired']);
    await stream.body?.cancel();
    expect((await post(server, call(1, chatOf(1)), session)).status).toBe(404);
  });

  it('counts among all sessions: one too many is refused before it reaches MCP, with a time to wait', async () => {
    const server = await startServer({ sessionMaxConcurrent: 2 });
    await connect(server);
    const first = { 'mcp-session-id': await openSession(server) };
    const slow = post(server, call(1, chatOf(60_000)), first).catch(() => undefined);
    await until(() => held(server) === 1, 'the call runs');
    const refused = await initialize(server);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.messages[0].error.message).toContain('sessions');
    const modern = await HTTP_CLIENTS[0]![1](`${server.url}/mcp`);
    const answer = await modern.call('chat', chatOf(10));
    expect(answer.structuredContent.code).toBe('OVER_CAPACITY');
    await fetch(`${server.url}/mcp`, { method: 'DELETE', headers: first });
    await slow;
    await until(() => server.stats().sessions === 1, 'its session ended');
    expect((await initialize(server)).status).toBe(200);
  });

  it('gives way to a new one when it has neither a stream nor a call', async () => {
    const server = await startServer({ sessionMaxConcurrent: 2 });
    const ids = [];
    for (let index = 0; index < 5; index += 1) ids.push(await openSession(server));
    expect(server.stats().sessions).toBe(2);
    expect((await post(server, call(1, chatOf(1)), { 'mcp-session-id': ids[0]! })).status).toBe(404);
    expect((await post(server, call(1, chatOf(1)), { 'mcp-session-id': ids[4]! })).status).toBe(200);
  });
});

describe('the session of a call', () => {
  it('is that of its name for a 2026 client: calls of one name share its permits, another name has its own', async () => {
    const server = await startServer({ sessionMaxInFlight: 1, glmMaxInFlight: 3 });
    const client = await HTTP_CLIENTS[0]![1](`${server.url}/mcp`);
    const meta = (name: string) => ({ meta: { 'exai/session': name } });
    const calls = ['one', 'one', 'two'].map((name) => client.call('chat', chatOf(300), meta(name)));
    await until(() => held(server) === 2, 'two permits were taken');
    expect(server.stats().sessions).toBe(2);
    expect(server.stats().callsInFlight).toBe(3);
    await Promise.all(calls);
    const wrong = await client.call('chat', chatOf(1), meta('with blank'));
    expect(wrong.structuredContent.code).toBe('INVALID_ARGUMENTS');
  });

  it('is that of its connection for a 2026 client that names none, and ends with it', async () => {
    const server = await startServer();
    const client = await HTTP_CLIENTS[0]![1](`${server.url}/mcp`);
    await client.call('chat', chatOf(1));
    expect(server.stats().sessions).toBe(1);
    await client.close();
    await until(() => server.stats().sessions === 0, 'the connection ended', 10_000);
  });

  it('is that of its 2025 session', async () => {
    const server = await startServer({ sessionMaxInFlight: 1, glmMaxInFlight: 3 });
    const [one, two] = [await openSession(server), await openSession(server)];
    const calls = [one, one, two].map((id, nth) => post(server, call(nth, chatOf(300)), { 'mcp-session-id': id }));
    await until(() => held(server) === 2, 'two permits were taken');
    expect(server.stats().callsInFlight).toBe(3);
    await Promise.all(calls);
  });
});

describe('a call whose connection is lost', () => {
  it.each([
    ['a 2025 client', async (server: ExaiServer) => ({ 'mcp-session-id': await openSession(server) }), {}],
    [
      'a 2026 client',
      () => Promise.resolve({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'chat' }),
      {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    ],
  ])('is cancelled for %s, and its run goes on when it is asked for by its key', async (_, headersOf, envelope) => {
    const server = await startServer();
    const headers = { 'content-type': 'application/json', accept: ACCEPT, ...(await headersOf(server)) };
    const message = call(1, chatOf(500));
    const params = { ...message.params, _meta: { ...envelope, 'exai/idempotencyKey': 'mine' } };
    const request = httpRequest(`${server.url}/mcp`, { method: 'POST', headers });
    request.on('error', () => undefined);
    request.end(JSON.stringify({ ...message, params }));
    await until(() => held(server) === 1, 'the call runs');
    const [work] = server.service.works();
    const runId = work?.runId ?? '';
    request.destroy();
    await until(() => held(server) === 0, 'the permit came back');
    await until(() => server.service.size === 0, 'nothing is kept');
    expect((await server.engine.get(runId))?.result?.stop.kind).toBe('canceled');
    const again = await post(server, { ...message, params }, headers);
    const { structuredContent } = again.messages.at(-1).result;
    expect(structuredContent).toMatchObject({ runId, stop: { kind: 'complete' } });
  });
});

describe('what is no MCP', () => {
  it.each([
    ['a page of another origin', { origin: 'https://evil.example' }, '{}', 403],
    ['text that is not JSON', {}, 'nonsense', 400],
    ['a key that reaches a prototype', {}, '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"__proto__":{}}}', 400],
    [
      'JSON that is nested too deeply',
      {},
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'{"a":'.repeat(80)}1${'}'.repeat(80)}}`,
      400,
    ],
    ['a body that is too large', {}, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x'.repeat(5000) }), 413],
    ['another content type', { 'content-type': 'text/plain' }, '{"jsonrpc":"2.0","id":1,"method":"ping"}', 400],
  ])('is refused: %s', async (_, headers, body, status) => {
    const server = await startServer({ maxMessageBytes: 4096 });
    expect((await post(server, body, headers)).status).toBe(status);
    expect((await initialize(server)).status).toBe(200);
  });

  it('is refused: a Host that is not served here, an unknown revision, and another method', async () => {
    const server = await startServer();
    const status = await new Promise((resolve) => {
      const request = httpRequest(`${server.url}/mcp`, { method: 'POST', headers: { host: 'evil.example' } });
      request.on('response', (response) => resolve(response.statusCode)).end('{}');
    });
    expect(status).toBe(403);
    const params = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } };
    const unnamed = await post(server, { jsonrpc: '2.0', id: 1, method: 'tools/list', params });
    expect(unnamed.status).toBe(400);
    expect((await fetch(`${server.url}/mcp`, { method: 'PUT' })).status).toBe(405);
  });
});

describe('a drain', () => {
  it('lets a running MCP call finish and its answer arrive, and refuses the next', async () => {
    const server = await startServer();
    const session = { 'mcp-session-id': await openSession(server) };
    const running = post(server, call(1, chatOf(300)), session);
    await until(() => held(server) === 1, 'the call runs');
    const next = await HTTP_CLIENTS[1]![1](`${server.url}/mcp`);
    const closing = server.close({ graceMs: 5000 });
    const refused = await next.call('chat', chatOf(10)).catch((error: unknown) => error);
    if (!(refused instanceof Error)) {
      expect(refused.structuredContent.code).toBe('SERVER_DRAINING');
      expect(refused.structuredContent.retryAfterMs).toBeGreaterThan(0);
    }
    const { messages } = await running;
    expect(messages.at(-1).result.structuredContent.stop.kind).toBe('complete');
    await closing;
  });
});
