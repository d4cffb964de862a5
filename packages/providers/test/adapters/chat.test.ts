import { describe, expect, it } from 'vitest';

import type { ChatEvent } from '@exai/providers';

import { ASK, DIALECTS, QUICK, withServer } from './models.ts';
import { answer, chunk, event, hang, json, sse, USAGE } from './wire-server.ts';

describe.each(DIALECTS)('%s', (provider, model) => {
  it('streams events in order and gives the whole answer', () =>
    withServer(
      [
        sse(
          chunk({ role: 'assistant', reasoning_content: 'let me see' }),
          chunk({ content: 'Hello' }),
          chunk({ content: ', you' }),
          chunk({}, { finish_reason: 'stop', usage: USAGE }),
          event('[DONE]'),
        ),
      ],
      async ({ url, seen }) => {
        const stream = model(url).stream(ASK);
        const events: ChatEvent[] = [];
        for await (const one of stream) events.push(one);
        expect(events[0]).toMatchObject({ type: 'start', attempt: 1, provider, servedModel: 'm' });
        expect(events.at(-2)).toMatchObject({
          type: 'usage',
          usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
        });
        expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' });
        const result = await stream.final();
        expect(result).toMatchObject({
          text: 'Hello, you',
          reasoning: 'let me see',
          finishReason: 'stop',
          attempts: 1,
        });
        expect(result.cost).toBeGreaterThan(0);
        expect(seen[0]?.path).toBe('/chat/completions');
        expect(seen[0]?.headers.authorization).toBe(`Bearer test-key-${provider}`);
        expect(seen[0]?.body).toMatchObject({ stream: true, messages: [{ role: 'user', content: 'hi' }] });
      },
    ));

  it('sends nothing before the first pull', () =>
    withServer([answer('x')], async ({ url, seen }) => {
      const stream = model(url).stream(ASK);
      await new Promise((resolve) => setImmediate(resolve));
      expect(seen).toHaveLength(0);
      expect((await stream.final()).text).toBe('x');
    }));

  it('retries before the first token and says so', () =>
    withServer([json(503, { error: { message: 'busy' } }), answer('ok')], async ({ url, seen }) => {
      const events: ChatEvent[] = [];
      const result = await model(url, QUICK).generate(ASK, { onEvent: (one) => events.push(one) });
      expect(result).toMatchObject({ text: 'ok', attempts: 2 });
      expect(seen).toHaveLength(2);
      expect(events.find(({ type }) => type === 'retry')).toMatchObject({ attempt: 2, error: { code: 'OVERLOADED' } });
    }));

  it('aborts a running stream, closes the socket and reports ABORTED', () =>
    withServer([hang(chunk({ content: 'a' }))], async ({ url, seen }) => {
      const controller = new AbortController();
      const stream = model(url).stream(ASK, { signal: controller.signal });
      const read = (async () => {
        for await (const one of stream) if (one.type === 'text') controller.abort(new Error('enough'));
      })();
      await expect(read).rejects.toMatchObject({ code: 'ABORTED', partial: { text: 'a' } });
      await seen[0]?.closed;
    }));

  it('ends with DEADLINE_EXCEEDED when the deadline passes in the stream', () =>
    withServer([hang(chunk({ content: 'a' }))], async ({ url, seen }) => {
      const failed = model(url).generate(ASK, { deadlineAt: Date.now() + 100 });
      await expect(failed).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: false });
      await seen[0]?.closed;
    }));

  it('takes a permit per attempt and gives each back once', () =>
    withServer([json(503, {}), answer('ok')], async ({ url }) => {
      const releases: unknown[] = [];
      const asks: unknown[] = [];
      const gate = {
        acquire: async (ask: unknown) => {
          asks.push(ask);
          return { signal: new AbortController().signal, release: (outcome?: string) => releases.push(outcome) };
        },
      };
      await model(url, { ...QUICK, gate }).generate(ASK, { session: 's1', priority: 3 });
      expect(asks).toMatchObject([
        { provider, session: 's1', priority: 3 },
        { provider, session: 's1', priority: 3, retry: true },
      ]);
      expect(releases).toEqual(['ignore', 'ok']);
    }));
});
