import { describe, expect, it, vi } from 'vitest';

import { type ChatEvent, createGLM, createKimi, fallback, type Gate, type GLMOptions } from '@exai/providers';

import { warningsOf } from './fixture.ts';
import { ASK, DIALECTS, QUICK, withServer } from './models.ts';
import { settle, TestClock, until } from './test-clock.ts';
import { answer, chunk, event, hang, json, type Reply, sse, USAGE } from './wire-server.ts';

const DONE = event('[DONE]');

interface Recorded extends Gate {
  readonly held: () => number;
  readonly outcomes: unknown[];
  lose(): void;
}

/** A gate that grants at once and remembers what came back. */
function recordingGate(rooms = Number.POSITIVE_INFINITY): Recorded {
  let held = 0;
  const outcomes: unknown[] = [];
  const controller = new AbortController();
  const grant = (): Awaited<ReturnType<Gate['acquire']>> => {
    held += 1;
    let isOpen = true;
    return {
      signal: controller.signal,
      release: (outcome) => {
        if (!isOpen) throw new Error('released twice');
        isOpen = false;
        held -= 1;
        outcomes.push(outcome);
      },
    };
  };
  return {
    acquire: async () => grant(),
    tryAcquire: () => (held < rooms ? grant() : undefined),
    held: () => held,
    outcomes,
    lose: () => controller.abort(new Error('lease ended')),
  };
}

describe.each(DIALECTS)('%s gate', (_provider, model) => {
  const limited = json(429, { error: { code: '1302', type: 'rate_limit_reached_error', message: 'too many' } });

  it('78 hears of overload after every refusal for load, and of success after', () =>
    withServer([limited, limited, limited, answer('ok')], async ({ url }) => {
      const gate = recordingGate();
      const result = await model(url, { ...QUICK, gate }).generate(ASK, { retries: 3 });
      expect(result.attempts).toBe(4);
      expect(gate.outcomes).toEqual(['overload', 'overload', 'overload', 'ok']);
    }));

  it('is told nothing of overload when the provider is busy for everybody', () =>
    withServer(
      [json(429, { error: { code: '1305', type: 'engine_overloaded_error', message: 'busy' } }), answer('ok')],
      async ({ url }) => {
        const gate = recordingGate();
        await model(url, { ...QUICK, gate }).generate(ASK);
        expect(gate.outcomes).toEqual(['ignore', 'ok']);
      },
    ));

  it('ends the attempt with PERMIT_LOST when the permit is taken back', () =>
    withServer([hang(chunk({ content: 'a' }))], async ({ url, seen }) => {
      const gate = recordingGate();
      const stream = model(url, { gate }).stream(ASK);
      const failed = (async () => {
        for await (const one of stream) if (one.type === 'text') gate.lose();
      })();
      await expect(failed).rejects.toMatchObject({ code: 'PERMIT_LOST', partial: { text: 'a' } });
      expect(gate.held()).toBe(0);
      await seen[0]?.closed;
    }));

  it.each([
    ['TIMEOUT', 'DEADLINE_EXCEEDED'],
    ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED'],
    ['OVER_CAPACITY', 'OVER_CAPACITY'],
    ['SHED', 'OVER_CAPACITY'],
    ['LOST', 'PERMIT_LOST'],
    ['CLOSED', 'ABORTED'],
  ])('a refusal %s is %s, and nothing is sent', (code, expected) =>
    withServer([answer('x')], async ({ url, seen }) => {
      const refuse = async (): Promise<never> => {
        throw Object.assign(new Error('no'), { code, retryAfterMs: 5 });
      };
      await expect(model(url, { gate: { acquire: refuse } }).generate(ASK)).rejects.toMatchObject({ code: expected });
      expect(seen).toHaveLength(0);
    }),
  );

  it('gives a permit that comes after the abort straight back', async () => {
    const outcomes: unknown[] = [];
    let grant: (permit: Awaited<ReturnType<Gate['acquire']>>) => void = () => undefined;
    const gate: Gate = { acquire: () => new Promise((resolve) => (grant = resolve)) };
    const controller = new AbortController();
    const running = model('http://127.0.0.1:1', { gate }).generate(ASK, { signal: controller.signal });
    const failed = expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    await settle();
    controller.abort();
    await failed;
    grant({ signal: controller.signal, release: (outcome) => outcomes.push(outcome) });
    await settle();
    expect(outcomes).toEqual(['ignore']);
  });

  it('uses the account in the key, and one session per model object', async () => {
    const asks: any[] = [];
    const gate: Gate = {
      acquire: async (ask) => {
        asks.push(ask);
        throw new Error('enough');
      },
    };
    const create = model('http://127.0.0.1:1', { gate, account: 'team-a' });
    await create.generate(ASK).catch(() => undefined);
    await create.generate(ASK).catch(() => undefined);
    expect(asks[0].provider).toMatch(/^(glm|kimi):team-a$/);
    expect(asks[0].session).toBe(asks[1].session);
    expect(asks[0].session).not.toBe('');
  });
});

describe('74 slow readers', () => {
  const long: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 50; i += 1) response.write(chunk({ content: 'x'.repeat(2000) }));
    response.end(chunk({}, { finish_reason: 'stop', usage: USAGE }) + DONE);
  };

  it('a reader that stops reading holds no permit, and finds the rest later', () =>
    withServer([long], async ({ url }) => {
      const gate = recordingGate();
      const stream = createGLM({ apiKey: 'k', baseURL: url, gate }).chat('glm-4.6').stream(ASK);
      const reader = stream[Symbol.asyncIterator]();
      await reader.next();
      await until(() => expect(gate.outcomes).toEqual(['ok']));
      let text = '';
      for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
        if (next.value.type === 'text') text += next.value.delta;
      }
      expect(text).toHaveLength(100_000);
    }));

  it('leaving the loop aborts the call, frees the permit and closes the connection', () =>
    withServer([hang(chunk({ content: 'a' }))], async ({ url, seen }) => {
      const gate = recordingGate();
      for await (const one of createGLM({ apiKey: 'k', baseURL: url, gate }).chat('glm-4.6').stream(ASK)) {
        if (one.type === 'text') break;
      }
      await until(() => expect(gate.held()).toBe(0));
      await seen[0]?.closed;
    }));

  it('a buffer that stays full ends the attempt with SLOW_CONSUMER, neither sooner nor by the watchdog', () =>
    withServer([long], async ({ url }) => {
      const clock = new TestClock();
      const gate = recordingGate();
      const options: GLMOptions = {
        apiKey: 'k',
        baseURL: url,
        gate,
        clock,
        bufferBytes: 20_000,
        slowConsumerMs: 10_000,
      };
      const stream = createGLM(options)
        .chat('glm-4.6')
        .stream(ASK, { timeouts: { text: 2000 } });
      const reader = stream[Symbol.asyncIterator]();
      await reader.next();
      await until(() => expect(clock.pending).toBe(2));
      await clock.advance(9900);
      expect(gate.held()).toBe(1);
      await clock.advance(200);
      expect(gate.outcomes).toEqual(['ignore']);
      await expect(
        (async () => {
          while ((await reader.next()).done !== true);
        })(),
      ).rejects.toMatchObject({ code: 'SLOW_CONSUMER' });
    }));

  it('a reader that comes back in time gets everything', () =>
    withServer([long], async ({ url }) => {
      const options: GLMOptions = { apiKey: 'k', baseURL: url, bufferBytes: 20_000 };
      let text = '';
      for await (const one of createGLM(options).chat('glm-4.6').stream(ASK)) {
        if (one.type === 'text') text += one.delta;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(text).toHaveLength(100_000);
    }));

  it('final() alone needs no reader, however long the answer', () =>
    withServer([long], async ({ url }) => {
      const stream = createGLM({ apiKey: 'k', baseURL: url, bufferBytes: 20_000 }).chat('glm-4.6').stream(ASK);
      expect((await stream.final()).text).toHaveLength(100_000);
      await expect(stream[Symbol.asyncIterator]().next()).rejects.toThrow(/events were dropped/);
    }));

  it('a dropped iterator of a stream whose answer is awaited does not end it', () =>
    withServer([long], async ({ url }) => {
      const stream = createGLM({ apiKey: 'k', baseURL: url }).chat('glm-4.6').stream(ASK);
      const whole = stream.final();
      for await (const one of stream) if (one.type === 'text') break;
      expect((await whole).text).toHaveLength(100_000);
    }));
});

describe('77 breaker', () => {
  it('opens after ten failures by the provider, refuses, lets one through later, and closes on success', () =>
    withServer([...Array.from({ length: 10 }, () => json(500, {})), answer('ok')], async ({ url, seen }) => {
      const clock = new TestClock();
      const glm = createGLM({ apiKey: 'k', baseURL: url, clock });
      const states: string[] = [];
      glm.on('breakerChanged', ({ state }) => states.push(state));
      const ask = (): Promise<unknown> => glm.chat('glm-4.6').generate(ASK, { retries: 0 });
      for (let i = 0; i < 10; i += 1) await expect(ask()).rejects.toMatchObject({ code: 'SERVER_ERROR' });
      await expect(ask()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 30_000 });
      expect(seen).toHaveLength(10);
      await clock.advance(30_001);
      await ask();
      await ask();
      expect(states).toEqual(['open', 'half-open', 'closed']);
    }));

  it('counts neither refusals of the request nor another model', () =>
    withServer([json(400, { error: { code: '1210', message: 'bad' } })], async ({ url, seen }) => {
      const glm = createGLM({ apiKey: 'k', baseURL: url });
      for (let i = 0; i < 15; i += 1)
        await glm
          .chat('glm-4.6')
          .generate(ASK)
          .catch(() => undefined);
      expect(seen).toHaveLength(15);
    }));
});

describe('76 hedge', () => {
  const silentFirst = (response: any, _request: unknown, n: number): void => {
    if (n > 0) void answer('second')(response, _request as never, n);
  };

  it('starts a second attempt when the first token is late; one answer comes, the loser is closed', () =>
    withServer([silentFirst], async ({ url, seen }) => {
      const clock = new TestClock();
      const gate = recordingGate();
      const glm = createGLM({ apiKey: 'k', baseURL: url, clock, gate });
      const hedged: unknown[] = [];
      glm.on('hedged', (one) => hedged.push(one));
      const events: ChatEvent[] = [];
      const running = glm
        .chat('glm-4.6')
        .generate(ASK, { hedge: true, timeouts: { first: 20_000 }, onEvent: (one) => events.push(one) });
      await until(() => expect(seen).toHaveLength(1));
      await clock.advance(15_000);
      await until(() => expect(seen).toHaveLength(2));
      const result = await running;
      expect(result).toMatchObject({ text: 'second', attempts: 2 });
      expect(gate.outcomes).toHaveLength(2);
      expect(gate.outcomes).toEqual(expect.arrayContaining(['ignore', 'ok']));
      expect(hedged).toMatchObject([{ attempt: 2 }]);
      expect(events.filter(({ type }) => type === 'hedge')).toHaveLength(1);
      expect(events.filter(({ type }) => type === 'finish')).toHaveLength(1);
      await seen[0]?.closed;
    }));

  const EARLY = { prompt_tokens: 7, completion_tokens: 0, total_tokens: 7 };
  const early = event({ id: 'c1', model: 'm', choices: [], usage: EARLY });
  it.each<[string, Reply, ChatEvent['type'][], number, string[]]>([
    ['counts what the loser had reported before it was cut', hang(early), ['start'], 10 + 7, []],
    ['warns that the usage of a loser cut without a word is unknown', hang(), [], 10, ['HEDGE_USAGE_UNKNOWN']],
  ])('%s', (_name, loser, begun, inputTokens, codes) =>
    withServer([loser, answer('second')], async ({ url, seen }) => {
      const clock = new TestClock();
      const glm = createGLM({ apiKey: 'k', baseURL: url, clock });
      const finished: unknown[] = [];
      glm.on('finished', (one) => finished.push(one));
      const events: ChatEvent[] = [];
      const running = glm
        .chat('glm-4.6')
        .generate(ASK, { hedge: true, timeouts: { first: 20_000 }, onEvent: (one) => events.push(one) });
      await until(() => expect(events.map(({ type }) => type)).toEqual(begun));
      await until(() => expect(seen).toHaveLength(1));
      await clock.advance(15_000);
      const result = await running;
      expect(result).toMatchObject({ text: 'second', usage: { inputTokens, outputTokens: 5 } });
      expect(result.warnings.map(({ code }) => code)).toEqual(codes);
      expect(warningsOf(events)).toEqual(codes);
      expect(finished).toMatchObject([{ usage: { inputTokens } }]);
      await seen[0]?.closed;
    }),
  );

  it('ends the other attempt when one is over without a word', () =>
    withServer([hang(), sse(chunk({}, { finish_reason: 'sensitive', usage: USAGE }), DONE)], async ({ url, seen }) => {
      const clock = new TestClock();
      const gate = recordingGate();
      const glm = createGLM({ apiKey: 'k', baseURL: url, clock, gate });
      const running = glm.chat('glm-4.6').generate(ASK, { hedge: true, timeouts: { first: 20_000 } });
      await until(() => expect(seen).toHaveLength(1));
      await clock.advance(15_000);
      expect(await running).toMatchObject({ finishReason: 'content-filter' });
      await until(() => expect(gate.held()).toBe(0));
      await seen[0]?.closed;
    }));

  it('does not when the gate has no room', () =>
    withServer([silentFirst], async ({ url, seen }) => {
      const clock = new TestClock();
      const glm = createGLM({ apiKey: 'k', baseURL: url, clock, gate: recordingGate(1) });
      const running = glm.chat('glm-4.6').generate(ASK, { hedge: true, retries: 0, timeouts: { first: 20_000 } });
      const failed = expect(running).rejects.toMatchObject({ code: 'TIMEOUT', timeout: { phase: 'first' } });
      await until(() => expect(seen).toHaveLength(1));
      await clock.advance(20_001);
      await failed;
      expect(seen).toHaveLength(1);
    }));
});

describe('fallback', () => {
  const models = (a: string, b: string): ReturnType<typeof fallback> =>
    fallback([
      createGLM({ apiKey: 'k', baseURL: a, ...QUICK, retry: { retries: 0 } }).chat('glm-4.6'),
      createKimi({ apiKey: 'k', baseURL: b, ...QUICK }).chat('kimi-k2.6'),
    ]);

  it('asks the next model when one fails before it says anything', () =>
    withServer([json(429, { error: { code: '1113', message: 'empty' } })], (first) =>
      withServer([answer('from kimi')], async (second) => {
        const model = models(first.url, second.url);
        const events: ChatEvent[] = [];
        const stream = model.stream(ASK);
        for await (const one of stream) events.push(one);
        expect((await stream.final()).text).toBe('from kimi');
        expect(events.find(({ type }) => type === 'retry')).toMatchObject({ error: { code: 'QUOTA_EXHAUSTED' } });
        expect(await model.generate(ASK)).toMatchObject({ text: 'from kimi', model: 'kimi-k2.6' });
      }),
    ));

  it('does not after output, nor when the request itself is bad', () =>
    withServer([sse(chunk({ content: 'half' })), json(400, { error: { code: '1210', message: 'bad' } })], (first) =>
      withServer([answer('x')], async (second) => {
        const model = models(first.url, second.url);
        const read = async (): Promise<void> => {
          for await (const _ of model.stream(ASK));
        };
        await expect(read()).rejects.toMatchObject({ code: 'TRUNCATED' });
        await expect(read()).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
        expect(second.seen).toHaveLength(0);
      }),
    ));

  it('passes over a model whose window is too small', () =>
    withServer([answer('small')], (first) =>
      withServer([answer('large')], async (second) => {
        const model = fallback([
          createKimi({ apiKey: 'k', baseURL: first.url }).chat('moonshot-v1-8k'),
          createKimi({ apiKey: 'k', baseURL: second.url }).chat('kimi-k2.6'),
        ]);
        const messages = [{ role: 'user', content: 'x'.repeat(80_000) }] as const;
        expect((await model.generate({ messages })).text).toBe('large');
        expect(first.seen).toHaveLength(0);
      }),
    ));

  it('ends both when its reader leaves', () =>
    withServer([hang(chunk({ content: 'a' }))], async (first) => {
      for await (const one of models(first.url, first.url).stream(ASK)) if (one.type === 'text') break;
      await first.seen[0]?.closed;
    }));

  it('throws for an empty list', () => {
    expect(() => fallback([])).toThrow('models must not be empty');
  });
});

describe('events of a provider', () => {
  it('are plain data without content, and a listener that throws harms nothing', () =>
    withServer([json(503, {}), answer('content-word')], async ({ url }) => {
      const glm = createGLM({ apiKey: 'k', baseURL: url, ...QUICK });
      const seen: [string, unknown][] = [];
      for (const name of ['attempt', 'firstToken', 'retried', 'finished', 'failed', 'warning'] as const) {
        glm.on(name, (one) => seen.push([name, one]));
      }
      const thrown = vi.fn();
      process.once('warning', thrown);
      const stop = glm.on('attempt', () => {
        throw new Error('bad listener');
      });
      await glm.chat('glm-4.6').generate(ASK, { requestId: 'r1' });
      stop();
      await until(() => expect(String(thrown.mock.calls[0]?.[0])).toContain('bad listener'));
      expect(seen.map(([name]) => name)).toEqual(['attempt', 'retried', 'attempt', 'firstToken', 'finished']);
      expect(seen[1]?.[1]).toMatchObject({
        provider: 'glm',
        model: 'glm-4.6',
        requestId: 'r1',
        attempt: 1,
        code: 'OVERLOADED',
      });
      expect(seen.at(-1)?.[1]).toMatchObject({ attempt: 2, usage: { totalTokens: 15 }, finishReason: 'stop' });
      expect(JSON.stringify(seen)).not.toContain('content-word');
    }));
});
