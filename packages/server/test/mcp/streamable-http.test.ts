import type { ExaiServer, Tool } from '@exai/server';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { chatOf, connect, startServer, until } from '../test-server.ts';
import { HTTP_CLIENTS } from './mcp-clients.ts';

function mcpUrl(server: ExaiServer): string {
  return `${server.url}/mcp`;
}

describe.each(HTTP_CLIENTS)('%s', (_, connectMcp) => {
  it('lists the five tools of the lean profile in order, with schemas', async () => {
    const client = await connectMcp(mcpUrl(await startServer()));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['chat', 'debug', 'thinkdeep', 'analyze', 'codereview']);
    for (const { inputSchema, outputSchema } of tools) {
      expect(inputSchema.properties.prompt.type).toBe('string');
      expect(outputSchema.required).toEqual(['text']);
    }
  });

  it('gets a structured answer that names its continuation, and goes on with it', async () => {
    const client = await connectMcp(mcpUrl(await startServer()));
    const first = await client.call('chat', chatOf(20));
    expect(first.isError).toBe(false);
    expect(first.structuredContent.stop).toMatchObject({ kind: 'complete' });
    expect(first.structuredContent.text).toBe(first.content[0].text);
    const id: string = first.structuredContent.continuation_id;
    expect(first.content[1].text).toContain(`continuation_id: ${id}`);
    const second = await client.call('chat_EXAI-WS', { ...chatOf(20), continuation_id: id });
    expect(second.structuredContent.continuation_id).toBe(id);
    const unknown = await client.call('chat', { ...chatOf(20), continuation_id: 'guessed' });
    expect(unknown.isError).toBe(true);
    expect(unknown.structuredContent.code).toBe('INVALID_ARGUMENTS');
  });

  it('is told about its place in the queue and about work under way, in growing numbers', async () => {
    const server = await startServer({ progressMs: 30, maxRuns: 1, glmMaxInFlight: 1 });
    const other = await connect(server);
    other.call('hog', 'chat', chatOf(400));
    await other.next('accepted', 'hog');
    const client = await connectMcp(mcpUrl(server));
    const heard: { progress: number; message?: string | undefined }[] = [];
    const meta = { 'exai/session': 'one' };
    const first = client.call('chat', chatOf(100), { meta });
    const second = await client.call('chat', chatOf(100), { meta, onprogress: (event) => heard.push(event) });
    expect(second.isError).toBe(false);
    await first;
    const messages = heard.map(({ message }) => message ?? '');
    expect(messages[0]).toMatch(/^(started|waiting, position \d+)/);
    expect(messages.some((message) => message.startsWith('waiting for'))).toBe(true);
    expect(messages.some((message) => /^(connecting|thinking|answering|between) for/.test(message))).toBe(true);
    const numbers = heard.map(({ progress }) => progress);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it('cancels: the work is told at once, and its permit comes back', async () => {
    const server = await startServer();
    const client = await connectMcp(mcpUrl(server));
    const controller = new AbortController();
    const call = client.call('chat', chatOf(60_000), { signal: controller.signal });
    const failed = expect(call).rejects.toThrow();
    await until(() => server.semaphore.stats().global.held === 1, 'the permit was taken');
    controller.abort();
    await failed;
    await until(() => server.semaphore.stats().global.held === 0, 'the permit came back');
    await until(() => server.service.size === 0, 'nothing is kept');
  });

  it('gets a refusal as a result a model can read', async () => {
    const server = await startServer({ sessionMaxQueued: 1 });
    const client = await connectMcp(mcpUrl(server));
    const meta = { 'exai/session': 'one' };
    const controller = new AbortController();
    const hog = client.call('chat', chatOf(60_000), { meta, signal: controller.signal });
    const ended = expect(hog).rejects.toThrow();
    await until(() => server.service.inFlight === 1, 'the first call runs');
    const refused = await client.call('chat', chatOf(10), { meta });
    expect(refused.isError).toBe(true);
    expect(refused.structuredContent).toMatchObject({
      code: 'OVER_CAPACITY',
      retryable: true,
      stop: { kind: 'failed' },
      details: { tier: 'session', limit: 1 },
    });
    expect(refused.structuredContent.retryAfterMs).toBeGreaterThan(0);
    expect(refused.content[0].text).toMatch(/^OVER_CAPACITY: .*Try again in/);
    controller.abort();
    await ended;
  });

  it('gets wrong arguments as a result, and an unknown tool as a protocol error', async () => {
    const client = await connectMcp(mcpUrl(await startServer()));
    const wrong = await client.call('chat', { prompt: 5 });
    expect(wrong.isError).toBe(true);
    expect(wrong.structuredContent.code).toBe('INVALID_ARGUMENTS');
    expect(wrong.content[0].text).toContain('prompt');
    await expect(client.call('nothing', {})).rejects.toMatchObject({ code: -32_602 });
  });

  it('sees a run that stopped early as an error with what there is', async () => {
    const early: Tool = {
      name: 'early',
      description: 'Stops early.',
      kind: 'workflow',
      input: z.object({}),
      providerOf: () => 'glm',
      run: () => Promise.resolve({ text: 'so far', stop: { kind: 'no_progress' } }),
    };
    const client = await connectMcp(mcpUrl(await startServer({}, { tools: [early] })));
    expect((await client.listTools()).tools.at(-1)?.name).toBe('early');
    const result = await client.call('early', {});
    expect(result.isError).toBe(true);
    expect(result.structuredContent).toMatchObject({ text: 'so far', stop: { kind: 'no_progress' } });
    expect(result.content[1].text).toContain('Stopped early: no_progress');
  });

  it('must present the token, and continues only its own conversations', async () => {
    const server = await startServer({ tokens: ['alice-token', 'bob-token'] });
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    await expect(connectMcp(mcpUrl(server))).rejects.toThrow();
    await expect(connectMcp(mcpUrl(server), bearer('wrong'))).rejects.toThrow();
    const alice = await connectMcp(mcpUrl(server), bearer('alice-token'));
    const bob = await connectMcp(mcpUrl(server), bearer('bob-token'));
    const answer = await alice.call('chat', chatOf(10));
    const { continuation_id } = answer.structuredContent;
    const stolen = await bob.call('chat', { ...chatOf(10), continuation_id });
    expect(stolen.isError).toBe(true);
    expect(stolen.structuredContent.code).toBe('INVALID_ARGUMENTS');
  });

  it('finds a failed run again by its idempotency key, and only with the same arguments', async () => {
    const server = await startServer();
    const client = await connectMcp(mcpUrl(server));
    const meta = { 'exai/idempotencyKey': 'k1' };
    const first = await client.call('chat', chatOf(20), { meta });
    const second = await client.call('chat', chatOf(20), { meta });
    expect(second.structuredContent.runId).toBe(first.structuredContent.runId);
    const third = await client.call('chat', chatOf(20, 'glm', 'other'), { meta });
    expect(third.structuredContent.code).toBe('IDEMPOTENCY_CONFLICT');
  });
});

describe('clients of all kinds together', () => {
  it('each get their own answers, while others come and go', async () => {
    const secret: Tool = {
      name: 'secret',
      description: 'Says it again, later.',
      kind: 'chat',
      input: z.object({ secret: z.string(), ms: z.number() }),
      providerOf: () => 'glm',
      run: async ({ arguments: args }) => {
        const { secret, ms } = z.object({ secret: z.string(), ms: z.number() }).parse(args);
        await new Promise((resolve) => setTimeout(resolve, ms));
        return { text: secret };
      },
    };
    const server = await startServer({ maxRuns: 1000 }, { tools: [secret] });
    const one = async (index: number): Promise<void> => {
      const [, connectMcp] = HTTP_CLIENTS[index % HTTP_CLIENTS.length]!;
      for (let round = 0; round < 3; round += 1) {
        const client = await connectMcp(mcpUrl(server));
        const asks = [0, 1, 2].map((nth) => `${index}-${round}-${nth}`);
        const answers = await Promise.all(
          asks.map((ask, nth) => client.call('secret', { secret: ask, ms: 12 - 5 * nth })),
        );
        expect(answers.map((answer) => answer.structuredContent.text)).toEqual(asks);
        if (round % 2 === 0) await client.close();
      }
    };
    await Promise.all(Array.from({ length: 9 }, (_, index) => one(index)));
    expect(server.service.size).toBe(0);
  });
});
