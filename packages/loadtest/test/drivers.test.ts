import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { afterEach, describe, expect, test } from 'vitest';

import { createStubServer, http, httpFaults, inProcess, mcp, openaiSse, runScenario, ws } from '../src/index.ts';
import type { Driver, RunResult, Scenario, StubServer } from '../src/index.ts';

let stub: StubServer | undefined;
let server: Server | undefined;
afterEach(async () => {
  await stub?.close();
  server?.closeAllConnections();
  server?.close();
  stub = server = undefined;
});

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/v1/chat/completions`;
}

const calls = (count: number, over: Partial<Scenario> = {}): Scenario => ({
  name: 'drivers',
  durationMs: 5000,
  maxCalls: count,
  load: { kind: 'closed', sessions: 2 },
  mix: [{ tool: 'chat', weight: 100, deadlineMs: 3000 }],
  ...over,
});
const run = (driver: Driver, count = 6, over: Partial<Scenario> = {}): Promise<RunResult> =>
  runScenario(calls(count, over), { driver, maxStallMs: 60_000 });

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const delta = (content: string, reason: string | null = null): unknown => ({
  choices: [{ delta: { content }, finish_reason: reason }],
});

describe('http', () => {
  test('calls the stub over plain HTTP, gated by its permits', async () => {
    stub = await createStubServer({ serviceMs: 5 });
    const result = await run(http({ url: `${stub.httpUrl}/call` }), 20);
    expect(result.totals.outcomes.ok).toBe(20);
    expect(stub.permits.peak).toBeLessThanOrEqual(2);
  });

  test.each([
    [503, 'rejected'],
    [429, 'rejected'],
    [500, 'tool_error'],
    [504, 'timeout_server'],
    [404, 'tool_error'],
  ] as const)('status %i is %s, and no success', async (status, outcome) => {
    const url = await listen((_request, response) => {
      response.writeHead(status);
      response.end();
    });
    const result = await run(http({ url }));
    expect(result.totals.outcomes[outcome]).toBe(6);
    expect(Object.keys(result.totals.codes)).toEqual([`${outcome}(${status})`]);
  });

  test('a 503 before a 200 is one failure and one success: nothing is sent twice in secret', async () => {
    let count = 0;
    const url = await listen((_request, response) => {
      count += 1;
      response.writeHead(count % 2 === 1 ? 503 : 200);
      response.end('{}');
    });
    const result = await run(http({ url }), 8, { load: { kind: 'closed', sessions: 1 } });
    expect(count).toBe(8);
    expect(result.totals.outcomes).toMatchObject({ ok: 4, rejected: 4 });
  });

  test('an answer of 200 that carries an error is a failure', async () => {
    const url = await listen((_request, response) =>
      response.end(JSON.stringify({ error: { code: 'OVER_CAPACITY' } })),
    );
    expect((await run(http({ url }))).totals.codes).toEqual({ 'rejected(OVER_CAPACITY)': 6 });
  });

  test('nobody listening: exit 3', async () => {
    const result = await run(http({ url: 'http://127.0.0.1:1/' }), 4);
    expect(result.totals.outcomes.connect_failed).toBe(4);
    expect(result.verdict.exit).toBe(3);
  });

  test('a server that never answers ends in time-outs, not in a hang', async () => {
    const url = await listen(() => undefined);
    const result = await run(http({ url }), 4, {
      mix: [{ tool: 'chat', weight: 100, deadlineMs: 80 }],
      client: { answerGraceMs: 20 },
    });
    expect(result.totals.outcomes.timeout_client).toBe(4);
  });
});

describe('openaiSse', () => {
  const stream =
    (parts: readonly string[], gapMs = 0) =>
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const send = (index: number): void => {
        const part = parts[index];
        if (part === undefined) {
          response.end();
          return;
        }
        response.write(part);
        setTimeout(() => send(index + 1), gapMs);
      };
      send(0);
    };

  test('times the first token and the longest gap', async () => {
    const url = await listen(
      stream([event(delta('one ')), event(delta('two ')), event(delta('three', 'stop')), event('[DONE]')], 20),
    );
    const { totals } = await run(openaiSse({ url, model: 'm' }), 4);
    expect(totals.outcomes.ok).toBe(4);
    expect(totals.latency.firstToken?.n).toBe(4);
    expect(totals.latency.maxGap?.min).toBeGreaterThanOrEqual(15);
    expect(totals.latency.firstToken?.max ?? 0).toBeLessThan(totals.latency.service?.max ?? 0);
  });

  test('a stream that ends in an error is a failure, although it began with 200', async () => {
    const url = await listen(
      stream([event(delta('one')), event({ error: { code: 'server_overloaded', message: 'x' } }), event('[DONE]')]),
    );
    const result = await run(openaiSse({ url, model: 'm' }), 4);
    expect(result.totals.codes).toEqual({ 'tool_error(server_overloaded)': 4 });
    expect(result.totals.latency.service).toBeUndefined();
  });

  test('a stream that just ends is a failure', async () => {
    const url = await listen(stream([event(delta('one'))]));
    expect((await run(openaiSse({ url, model: 'm' }), 4)).totals.codes).toEqual({ 'protocol_error(TRUNCATED)': 4 });
  });

  test('events cut in the middle of a character and a line are put together', async () => {
    const text = event(delta('é'.repeat(8), 'stop'));
    const bytes = Buffer.from(text);
    const url = await listen((_request, response) => {
      response.writeHead(200);
      response.write(bytes.subarray(0, 43));
      setTimeout(() => response.end(bytes.subarray(43)), 10);
    });
    expect((await run(openaiSse({ url, model: 'm' }), 2)).totals.outcomes.ok).toBe(2);
  });
});

describe('inProcess', () => {
  test('calls a function, streams its pieces, and reads the codes of its rejections', async () => {
    let count = 0;
    const driver = inProcess(async (call, { piece }) => {
      const own = (count += 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      piece(3);
      if (own % 3 === 0) throw Object.assign(new Error('full'), { code: 'OVER_CAPACITY' });
      return call.tool;
    });
    const { totals } = await run(driver, 9);
    expect(totals.outcomes).toMatchObject({ ok: 6, rejected: 3 });
    expect(totals.latency.firstToken?.n).toBe(6);
  });

  test('a call that timed out is told so by its signal, and its answer counts no more', async () => {
    const aborted: unknown[] = [];
    const driver = inProcess(
      (_call, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason);
            resolve('too late');
          });
        }),
    );
    const { totals } = await run(driver, 2, {
      mix: [{ tool: 'chat', weight: 100, deadlineMs: 30 }],
      client: { answerGraceMs: 10 },
    });
    expect(totals.outcomes).toMatchObject({ timeout_client: 2, ok: 0 });
    expect(aborted).toHaveLength(2);
  });
});

test('mcp: a server that is not there is unreachable', async () => {
  const result = await run(mcp({ url: 'http://127.0.0.1:1/mcp' }), 2);
  expect(result.verdict.exit).toBe(3);
  expect(result.wire.connectsFailed).toBe(2);
});

describe('ws', () => {
  test('a slow reader pauses before it reads, and loses nothing', async () => {
    stub = await createStubServer({ serviceMs: 5 });
    const result = await run(ws({ url: stub.url, readDelayMs: 20 }), 6);
    expect(result.totals.outcomes.ok).toBe(6);
    expect(result.totals.latency.service?.min).toBeGreaterThan(15);
  });

  test('churn: every call has its own connection, and all are accounted for', async () => {
    stub = await createStubServer({ serviceMs: 5 });
    const result = await run(ws({ url: stub.url }), 10, { client: { callsPerConnection: 1 } });
    expect(result.totals.outcomes.ok).toBe(10);
    expect(result.wire.connectsOpened).toBeGreaterThanOrEqual(9);
    expect(result.wire.closedByCode).toEqual({});
    expect(result.wire.connectsTried).toBe(result.wire.connectsOpened + result.wire.connectsFailed);
  });

  test('faults are injected over HTTP: a leaked permit is missing until the health check finds it', async () => {
    stub = await createStubServer({ healthCheckMs: 0 });
    const faults = httpFaults({ url: `${stub.httpUrl}/admin/faults` });
    await faults.inject({ at: 0, kind: 'leak', provider: 'kimi', count: 2 });
    expect(stub.permits.global.leaked).toBe(2);
    expect(stub.permits.recover()).toBe(2);
    await expect(httpFaults({ url: `${stub.httpUrl}/nowhere` }).inject({ at: 0, kind: 'leak' })).rejects.toThrow(
      /answered 404/,
    );
  });

  test('dropped connections come back, with every lost call counted', async () => {
    stub = await createStubServer({ serviceMs: 60 });
    const running = stub;
    const timer = setTimeout(() => running.dropConnections(2), 150);
    const result = await runScenario(calls(12), { driver: ws({ url: stub.url }), maxStallMs: 60_000 });
    clearTimeout(timer);
    const { ok, closed } = result.totals.outcomes;
    expect(ok + closed).toBe(12);
    expect(result.wire.closedByCode['1011'] ?? 0).toBe(result.wire.reconnects);
  });
});
