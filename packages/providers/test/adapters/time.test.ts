import { describe, expect, it, vi } from 'vitest';

import { type ChatEvent, createGLM, createKimi, type Gate, type GLMOptions } from '@exai/providers';
import { AdaptiveTimeouts } from '@exai/providers/timeouts';

import { kimiDialect } from '../../src/kimi/kimi-dialect.ts';
import { createChatModel } from '../../src/pipeline/create-chat-model.ts';
import { HttpTransport } from '../../src/pipeline/http-transport.ts';
import { ProviderRuntime } from '../../src/pipeline/provider-runtime.ts';
import { ASK, withServer } from './models.ts';
import { TestClock, until } from './test-clock.ts';
import { answer, chunk, event, hang, type Reply, USAGE, type WireServer } from './wire-server.ts';

const FINISH = chunk({}, { finish_reason: 'stop', usage: USAGE }) + event('[DONE]');

interface Bench {
  readonly clock: TestClock;
  readonly server: WireServer;
  readonly outcomes: unknown[];
  readonly glm: ReturnType<typeof createGLM>;
}

/** A GLM under virtual time against a real socket. */
function bench(reply: Reply, use: (bench: Bench) => Promise<void>, options: GLMOptions = {}): Promise<void> {
  return withServer([reply], async (server) => {
    const clock = new TestClock();
    const outcomes: unknown[] = [];
    const gate: Gate = {
      acquire: async () => ({ signal: new AbortController().signal, release: (outcome) => outcomes.push(outcome) }),
    };
    const glm = createGLM({ apiKey: 'k', baseURL: server.url, clock, gate, breaker: false, ...options });
    await use({ clock, server, outcomes, glm });
  });
}

/** Keeps a stream open and lets the test write to it. */
function held(): { reply: Reply; write: (text: string) => void; end: () => void } {
  let response: Parameters<Reply>[0] | undefined;
  return {
    reply: (opened) => {
      response = opened;
      opened.writeHead(200, { 'content-type': 'text/event-stream' });
      opened.flushHeaders();
    },
    write: (text) => response?.write(text),
    end: () => response?.end(),
  };
}

const failureOf = (running: Promise<unknown>): Promise<any> =>
  running.then(
    () => undefined,
    (error: unknown) => error,
  );
const TIMEOUTS = { first: 20_000, reasoning: 10_000, text: 10_000 };

describe('time', () => {
  it('66 a server that sends no headers is TIMEOUT in phase first, stalled before', () =>
    bench(
      () => undefined,
      async ({ clock, server, outcomes, glm }) => {
        const events: ChatEvent[] = [];
        const running = glm
          .chat('glm-4.6')
          .generate(ASK, { retries: 0, timeouts: TIMEOUTS, onEvent: (one) => events.push(one) });
        const failed = failureOf(running);
        await until(() => expect(server.seen).toHaveLength(1));
        await clock.advance(19_900);
        expect(events.map(({ type }) => type)).toEqual(['waiting', 'granted', 'stalled']);
        expect(outcomes).toEqual([]);
        await clock.advance(200);
        const error = await failed;
        expect(error).toMatchObject({
          code: 'TIMEOUT',
          retryable: true,
          timeout: { phase: 'first', budgetMs: 20_000, source: 'fixed' },
        });
        expect(error.timeout.elapsedMs).toBeGreaterThanOrEqual(20_000);
        expect(outcomes).toEqual(['ignore']);
        await server.seen[0]?.closed;
      },
    ));

  it.each([
    ['67 headers and then silence', ''],
    ['51 a role-only chunk and then silence', chunk({ role: 'assistant', content: '' })],
  ])('%s is TIMEOUT in phase first', (_, sent) => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server, glm }) => {
      const failed = failureOf(glm.chat('glm-4.6').generate(ASK, { retries: 0, timeouts: TIMEOUTS }));
      await until(() => expect(server.seen).toHaveLength(1));
      stream.write(`: hello\n\n${sent}`);
      await clock.advance(19_000);
      await clock.advance(1100);
      expect(await failed).toMatchObject({ code: 'TIMEOUT', timeout: { phase: 'first' } });
    });
  });

  it('68 keep-alive comments and empty deltas end no silence', () => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server, glm }) => {
      const events: ChatEvent[] = [];
      const running = glm
        .chat('glm-4.6')
        .generate(ASK, { retries: 0, timeouts: TIMEOUTS, onEvent: (one) => events.push(one) });
      const failed = failureOf(running);
      await until(() => expect(server.seen).toHaveLength(1));
      stream.write(chunk({ content: 'a' }));
      await until(() => expect(events.some(({ type }) => type === 'text')).toBe(true));
      for (let i = 0; i < 5; i += 1) {
        stream.write(`: ping\n\n${chunk({ content: '' })}${chunk({ role: 'assistant' })}`);
        await clock.advance(2050);
      }
      expect(await failed).toMatchObject({
        code: 'TIMEOUT',
        timeout: { phase: 'text', budgetMs: 10_000 },
        partial: { text: 'a' },
      });
    });
  });

  it('69 a healthy first token after 310 s passes with thinking', () => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server, glm }) => {
      const running = glm.chat('glm-5.3').generate(ASK, { retries: 0 });
      await until(() => expect(server.seen).toHaveLength(1));
      await clock.advance(310_000);
      stream.write(chunk({ content: 'late' }) + FINISH);
      stream.end();
      expect((await running).text).toBe('late');
    });
  });

  it('70 a reasoning pause of 150 s passes', () => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server, glm }) => {
      const events: ChatEvent[] = [];
      const running = glm.chat('glm-5.3').generate(ASK, { retries: 0, onEvent: (one) => events.push(one) });
      await until(() => expect(server.seen).toHaveLength(1));
      stream.write(chunk({ reasoning_content: 'hm' }));
      await until(() => expect(events.some(({ type }) => type === 'reasoning')).toBe(true));
      await clock.advance(150_000);
      stream.write(chunk({ content: 'done' }) + FINISH);
      stream.end();
      expect((await running).text).toBe('done');
      const kinds = events.map(({ type }) => type);
      expect(kinds.indexOf('stalled')).toBeGreaterThan(kinds.indexOf('reasoning'));
      expect(kinds.indexOf('resumed')).toBeGreaterThan(kinds.indexOf('stalled'));
    });
  });

  it('71 a deadline that passes in the queue, before sending, in back-off or in the stream is DEADLINE_EXCEEDED', async () => {
    await bench(answer('x'), async ({ clock, server, glm }) => {
      const late = glm.chat('glm-4.6').generate(ASK, { deadlineAt: clock.epoch() - 1 });
      await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(server.seen).toHaveLength(0);
    });
    const never: Gate = { acquire: () => new Promise(() => undefined) };
    await bench(
      answer('x'),
      async ({ clock, server, glm }) => {
        const failed = failureOf(glm.chat('glm-4.6').generate(ASK, { deadlineAt: clock.epoch() + 5000 }));
        await clock.advance(5001);
        expect(await failed).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
        expect(server.seen).toHaveLength(0);
      },
      { gate: never },
    );
    await bench(hang(chunk({ content: 'a' })), async ({ clock, server, outcomes, glm }) => {
      const failed = failureOf(glm.chat('glm-4.6').generate(ASK, { deadlineAt: clock.epoch() + 5000 }));
      await until(() => expect(server.seen).toHaveLength(1));
      await clock.advance(5001);
      expect(await failed).toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: false });
      expect(outcomes).toHaveLength(1);
      await server.seen[0]?.closed;
    });
  });

  it('71 a back-off that would pass the deadline is not begun: the failure itself is thrown', () =>
    bench(
      (response) => {
        response.writeHead(503, { 'retry-after': '30' });
        response.end('{}');
      },
      async ({ clock, server, glm }) => {
        const failed = glm.chat('glm-4.6').generate(ASK, { deadlineAt: clock.epoch() + 20_000 });
        await expect(failed).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterMs: 30_000 });
        expect(server.seen).toHaveLength(1);
      },
    ));

  it('72, 73 a blocked event loop or a suspended machine kills no healthy call', () => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server, glm }) => {
      const running = glm.chat('glm-4.6').generate(ASK, { retries: 0, timeouts: { text: 4000 } });
      await until(() => expect(server.seen).toHaveLength(1));
      stream.write(chunk({ content: 'a' }));
      await clock.advance(1000);
      await clock.jump(3_600_000);
      stream.write(chunk({ content: 'b' }) + FINISH);
      stream.end();
      expect((await running).text).toBe('ab');
    });
  });

  it('75 what one process learned starts the next one warm', () => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server }) => {
      const shared = new AdaptiveTimeouts({ clock });
      const learning = createGLM({ apiKey: 'k', baseURL: server.url, clock, timeouts: shared });
      const running = learning.chat('glm-4.6').generate(ASK);
      await until(() => expect(server.seen).toHaveLength(1));
      await clock.advance(1000);
      stream.write(chunk({ content: 'a' }) + FINISH);
      stream.end();
      await running;
      const snapshot: unknown = JSON.parse(JSON.stringify(shared.snapshot()));
      expect(JSON.stringify(snapshot)).toContain('glm-4.6');
      const next = new AdaptiveTimeouts({ clock });
      next.restore(snapshot);
      const key = {
        provider: 'glm',
        model: 'glm-4.6',
        endpoint: server.url,
        thinking: true,
        webSearch: false,
        tools: false,
      };
      const known = next.explain({ ...key, vision: false, bufferedArgs: false });
      expect(known.first.samples).toBe(1);
      // Normalised by the size of the prompt and back, in single precision.
      expect(known.first.q50).toBeCloseTo(1000, 0);
    });
  });

  it('a stream that stays open behind its finish reason is complete after 5 s', () => {
    const stream = held();
    return bench(stream.reply, async ({ clock, server, outcomes, glm }) => {
      const running = glm.chat('glm-4.6').generate(ASK, { timeouts: { text: 60_000 } });
      await until(() => expect(server.seen).toHaveLength(1));
      stream.write(chunk({ content: 'all' }) + chunk({}, { finish_reason: 'stop' }));
      await until(() => expect(clock.pending).toBe(2));
      await clock.advance(5000);
      expect((await running).text).toBe('all');
      expect(outcomes).toEqual(['ok']);
      await server.seen[0]?.closed;
    });
  });

  it('the _TIMEOUT_SECS variables set the table, and a bad one refuses to start', () => {
    vi.stubEnv('KIMI_TIMEOUT_SECS', '12.5');
    vi.stubEnv('KIMI_THINKING_TIMEOUT_SECS', 'soon');
    try {
      expect(() => createKimi()).toThrow(/KIMI_THINKING_TIMEOUT_SECS must be a positive number of seconds.*"soon"/);
      expect(() => createGLM()).not.toThrow();
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('KIMI_THINKING_TIMEOUT_SECS bounds the silence of a thinking call', () => {
    vi.stubEnv('KIMI_THINKING_TIMEOUT_SECS', '10');
    return withServer([() => undefined], async ({ url, seen }) => {
      const clock = new TestClock();
      const kimi = createKimi({ apiKey: 'k', baseURL: url, clock });
      vi.unstubAllEnvs();
      const failed = failureOf(kimi.chat('kimi-k2.6').generate(ASK, { retries: 0 }));
      await until(() => expect(seen).toHaveLength(1));
      await clock.advance(10_001);
      expect(await failed).toMatchObject({ code: 'TIMEOUT', timeout: { phase: 'first' } });
    });
  });

  it('without undici the platform fetch is used, its 300 s bound every silence, and a warning says so once', () =>
    withServer([answer('x')], async ({ url }) => {
      const runtime = new ProviderRuntime('glm', {});
      const bare = new HttpTransport(undefined, async () => undefined);
      expect(await bare.limitMs()).toBe(295_000);
      expect((await bare.fetch(url, { method: 'POST', body: '{}' })).status).toBe(200);
      Object.defineProperty(runtime, 'transport', { value: bare });
      const model = createChatModel(runtime, {
        dialect: kimiDialect({ keepThinking: true, webSearch: 'auto' }),
        info: { id: 'm', contextTokens: 1e6, maxOutputTokens: 1e6, thinking: 'always', vision: false },
        baseURL: url,
        url: `${url}/chat/completions`,
        sign: async () => ({ headers: {}, secrets: [] }),
        strict: false,
        badLines: 'fail',
      });
      const codes = async (): Promise<string[]> => (await model.generate(ASK)).warnings.map(({ code }) => code);
      expect(await codes()).toEqual(['BUDGET_CAPPED']);
      expect(await codes()).toEqual([]);
    }));
});
