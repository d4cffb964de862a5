import { connect as connectClient, ProtocolError, reconnectDelay } from '@exai/server/client';
import { afterEach, describe, expect, it } from 'vitest';

import { chatOf, connect, startServer, until } from './test-server.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

async function client(url: string, options = {}) {
  const made = await connectClient(url, { delay: () => 5, ...options });
  open.push(made);
  return made;
}

describe('a session', () => {
  it('delivers once, after a resume, what was finished while the socket was down; its token changes', async () => {
    const server = await startServer();
    const first = await connect(server);
    const { sessionId, resumeToken } = first.welcome;
    first.call('a', 'chat', chatOf(150));
    await first.next('accepted', 'a');
    const { lastSeq } = first;
    first.ws.terminate();
    await first.closed();
    await until(() => server.stats().callsInFlight === 0, 'the call ran on');
    const second = await connect(server, { resume: { sessionId, resumeToken, lastSeq } });
    expect(second.welcome).toMatchObject({ resumed: true, sessionId });
    expect(second.welcome['resumeToken']).not.toBe(resumeToken);
    expect((await second.end('a')).type).toBe('result');
    expect(second.ends('a')).toHaveLength(1);
    expect(second.frames.filter((frame) => frame['seq'] !== undefined)[0]?.['seq']).toBe(lastSeq + 1);
    second.send({ type: 'ping', t: 1 });
    await second.next('pong');
    const third = await connect(server, { hello: false });
    third.hello({ resume: { sessionId, resumeToken, lastSeq } });
    expect((await third.next('error'))['error']).toMatchObject({ code: 'RESUME_FAILED', retryable: true });
    third.hello();
    expect((await third.next('welcome'))['sessionId']).not.toBe(sessionId);
  });

  it('is resumed with the old token when the welcome with the new one was lost', async () => {
    const server = await startServer();
    const first = await connect(server);
    const { sessionId, resumeToken } = first.welcome;
    first.ws.terminate();
    const resume = { sessionId, resumeToken, lastSeq: 0 };
    const second = await connect(server, { resume });
    second.ws.terminate();
    expect((await connect(server, { resume })).welcome['resumed']).toBe(true);
  });

  it('is refused to another principal, and to one who wants what is not kept any more', async () => {
    const server = await startServer({ tokens: ['alice-token', 'bob-token'], outboxEntries: 16 });
    const alice = await connect(server, { token: 'alice-token' });
    const { sessionId, resumeToken } = alice.welcome;
    for (let index = 0; index < 20; index += 1) alice.call(`c${index}`, 'nothing');
    await alice.end('c19');
    alice.ws.terminate();
    const resume = { sessionId, resumeToken, lastSeq: 20 };
    const bob = await connect(server, { hello: false });
    bob.hello({ token: 'bob-token', resume });
    expect((await bob.next('error'))['error'].code).toBe('RESUME_FAILED');
    const late = await connect(server, { hello: false });
    late.hello({ token: 'alice-token', resume: { ...resume, lastSeq: 1 } });
    expect((await late.next('error'))['error'].message).toContain('not kept');
    expect((await connect(server, { token: 'alice-token', resume })).welcome['resumed']).toBe(true);
  });

  it('takes its connection over: the older one is closed with 4409', async () => {
    const server = await startServer();
    const first = await connect(server);
    const { sessionId, resumeToken } = first.welcome;
    await connect(server, { resume: { sessionId, resumeToken, lastSeq: 0 } });
    expect(await first.closed()).toBe(4409);
    expect(server.stats().sessions).toBe(1);
  });

  it('frees everything when nobody comes back within the window', async () => {
    const server = await startServer({ resumeWindowMs: 100 });
    const lost = await connect(server);
    lost.call('a', 'chat', chatOf(60_000));
    await lost.next('accepted', 'a');
    await until(() => server.semaphore.stats().global.held === 1, 'it runs');
    lost.ws.terminate();
    await until(() => server.stats().kept === 0, 'all is gone');
    await until(() => server.semaphore.stats().global.held === 0, 'the permit is back');
  });

  it('ends when it is idle for the session time-out, and not while a call runs', async () => {
    const server = await startServer({
      sessionTimeoutMs: 1500,
      chatDeadlineMs: 300,
      workflowDeadlineMs: 300,
      glmTimeouts: { base: 100, web: 100, thinking: 100, webThinking: 100 },
      kimiTimeouts: { base: 100, web: 100, thinking: 100, webThinking: 100 },
    });
    const idle = await connect(server);
    const busy = await connect(server);
    busy.call('a', 'chat', chatOf(2500), { deadlineMs: 15_000 });
    expect(await idle.closed()).toBe(1008);
    expect((await busy.end('a')).type).toBeDefined();
  });

  it('is refused with OVER_CAPACITY, a retry hint and 1013 when there are too many', async () => {
    const server = await startServer({ sessionMaxConcurrent: 1 });
    await connect(server);
    const refused = await connect(server, { hello: false });
    refused.hello();
    const { error } = await refused.next('error');
    expect(error).toMatchObject({ code: 'OVER_CAPACITY', retryable: true, details: { limit: 1, inFlight: 1 } });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(await refused.closed()).toBe(1013);
  });
});

describe('an idempotency key', () => {
  it('joins the running call, replays the result, refuses other arguments, and takes no second permit', async () => {
    const server = await startServer();
    const one = await connect(server);
    const two = await connect(server);
    one.call('a', 'chat', chatOf(150), { idempotencyKey: 'k' });
    await one.next('accepted', 'a');
    two.call('b', 'chat', chatOf(150), { idempotencyKey: 'k' });
    two.call('other', 'chat', chatOf(151), { idempotencyKey: 'k' });
    expect((await two.end('other'))['error'].code).toBe('IDEMPOTENCY_CONFLICT');
    const [first, second] = [await one.end('a'), await two.end('b')];
    expect(second['content']).toEqual(first['content']);
    one.call('again', 'chat', chatOf(150), { idempotencyKey: 'k' });
    expect(await one.end('again')).toMatchObject({ type: 'result', replayed: true, content: first['content'] });
    expect(server.models.simulator?.log.calls).toHaveLength(1);
  });

  it('lets the work go on while somebody waits for it, and stops it when the last one leaves', async () => {
    const server = await startServer();
    const one = await connect(server);
    const two = await connect(server);
    one.call('a', 'chat', chatOf(60_000), { idempotencyKey: 'k' });
    two.call('b', 'chat', chatOf(60_000), { idempotencyKey: 'k' });
    await two.next('accepted', 'b');
    one.send({ type: 'cancel', id: 'a' });
    expect((await one.end('a'))['error'].code).toBe('CANCELLED');
    expect(server.stats().callsInFlight).toBe(1);
    two.send({ type: 'cancel', id: 'b' });
    await two.end('b');
    await until(() => server.stats().callsInFlight === 0, 'the work ended');
  });

  it('is dropped when the call failed: sent again, the call is made again', async () => {
    const server = await startServer();
    const one = await connect(server);
    one.call('a', 'chat', chatOf(400), { idempotencyKey: 'k', deadlineMs: 60 });
    expect((await one.end('a'))['error'].code).toBe('DEADLINE_EXCEEDED');
    await until(() => server.stats().callsInFlight === 0, 'the work ended');
    const before = server.models.simulator?.log.calls.length ?? 0;
    one.call('b', 'chat', chatOf(400), { idempotencyKey: 'k', deadlineMs: 9000 });
    expect(await one.end('b')).toMatchObject({ type: 'result', stop: { kind: 'complete' } });
    expect(server.models.simulator?.log.calls).toHaveLength(before + 1);
  });
});

describe('the client', () => {
  it('calls, streams, cancels and asks for health, tools and the state', async () => {
    const server = await startServer();
    const agent = await client(server.wsUrl);
    const pieces: string[] = [];
    const answer = await agent.call('chat', chatOf(30), {
      onEvent: (event) => event.type === 'chunk' && pieces.push(event.delta),
    });
    expect(pieces.join('')).toBe(answer.text);
    expect((await agent.listTools()).map(({ name }) => name)).toContain('codereview');
    expect(await agent.health()).toMatchObject({ healthy: true, ready: true, leaked: 0 });
    const state = await new Promise<any>((resolve) => agent.subscribe(250, resolve));
    expect(state).toMatchObject({ scope: 'all', sessions: [{ connected: true }] });
    const controller = new AbortController();
    const call = agent.call('chat', chatOf(60_000), { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await expect(call).rejects.toMatchObject({ name: 'ProtocolError', code: 'CANCELLED' });
    await until(() => server.stats().callsInFlight === 0, 'the server heard it');
    await expect(agent.call('nothing')).rejects.toMatchObject({ code: 'UNKNOWN_TOOL' });
  });

  it('survives its connection being cut again and again: every call ends once, none is done twice', async () => {
    const server = await startServer({ globalMaxInFlight: 10, glmMaxInFlight: 10, sessionMaxInFlight: 10 });
    const agent = await client(server.wsUrl);
    const calls = Array.from({ length: 20 }, (_, n) => agent.call('chat', chatOf(40, 'glm', `question ${n}`)));
    const cutter = setInterval(() => {
      for (const session of server.sessions.values()) session.disconnect(1011, 'test');
    }, 35);
    const answers = await Promise.all(calls);
    clearInterval(cutter);
    expect(answers).toHaveLength(20);
    expect(server.models.simulator?.log.calls).toHaveLength(20);
    expect(server.stats().sessions).toBe(1);
  });

  it('begins anew after a restart and sends unfinished calls again with their keys', async () => {
    const first = await startServer();
    const { port } = first;
    const agent = await client(first.wsUrl);
    const events: unknown[] = [];
    agent.on('connected', (event) => events.push(event));
    const call = agent.call('chat', chatOf(300));
    await until(() => first.stats().callsInFlight === 1, 'it runs');
    for (const session of first.sessions.values()) session.disconnect(1011, 'gone');
    const closing = first.close({ graceMs: 0 });
    await closing;
    await startServer({ port });
    expect((await call).text).not.toBe('');
    expect(events).toEqual([{ sessionId: agent.sessionId, resumed: false, resent: 1 }]);
  });

  it('rejects at once when it may not come in, and everything when it is closed', async () => {
    const server = await startServer({ tokens: ['correct horse'] });
    await expect(connectClient(server.wsUrl, { token: 'wrong' })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(connectClient('ws://127.0.0.1:1/ws')).rejects.toBeInstanceOf(ProtocolError);
    const agent = await client(server.wsUrl, { token: 'correct horse' });
    const call = agent.call('chat', chatOf(60_000));
    const closing = agent.close();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    await closing;
    await expect(agent.call('chat', chatOf(1))).rejects.toMatchObject({ code: 'CANCELLED' });
    await until(() => server.stats().kept === 0, 'the server forgot it');
  });

  it.each([
    [1012, 0, undefined, 5000, 15_000],
    [1013, 0, undefined, 30_000, 120_000],
    [1013, 0, 700, 700, 1050],
    [1006, 0, undefined, 100, 200],
    [1006, 20, undefined, 7500, 15_000],
  ])('waits after close code %i (attempt %i, hint %s) between %i and %i ms', (code, attempt, hintMs, from, to) => {
    expect(reconnectDelay({ code, attempt, hintMs }, () => 0)).toBe(from);
    expect(reconnectDelay({ code, attempt, hintMs }, () => 1)).toBe(to);
  });

  it.each([4401, 4403, 4409])('does not come back after close code %i', (code) => {
    expect(reconnectDelay({ code, attempt: 0, hintMs: undefined })).toBeUndefined();
  });
});
