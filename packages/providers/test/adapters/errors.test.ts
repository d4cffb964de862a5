import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { classifyGLMError, classifyKimiError, createGLM, createKimi, ProviderError } from '@exai/providers';

import { readResetAt } from '../../src/glm/reset-at.ts';
import { RetryPolicy } from '../../src/pipeline/retry-policy.ts';
import { retryAfter } from '../../src/wire/http-error.ts';
import { type Fixture, runFixtures } from './fixture.ts';
import { ASK, DIALECTS, QUICK, withServer } from './models.ts';
import { settle } from './test-clock.ts';
import { answer, chunk, hang, json, sse } from './wire-server.ts';

const NOW = Date.parse('2026-11-25T00:00:00Z');
const headers = (values: Record<string, string>): { get(name: string): string | null } => ({
  get: (name) => values[name] ?? null,
});

describe('GLM error table', () => {
  it.each([
    [401, [1000, 1001, 1002, 1003, 1004, 1005, 1100, 1110, 1111, 1112, 1120, 1121], 'AUTH', false],
    [429, [1113, 1309, 1314], 'QUOTA_EXHAUSTED', false],
    [400, [1210, 1212, 1213, 1214, 1215, 1221, 1222, 1231, 1300], 'INVALID_REQUEST', false],
    [400, [1211], 'MODEL_NOT_FOUND', false],
    [403, [1220, 1311, 1315], 'PERMISSION', false],
    [400, [1261], 'CONTEXT_OVERFLOW', false],
    [400, [1301], 'CONTENT_FILTER', false],
    [429, [1302, 1303, 1313], 'RATE_LIMITED', true],
    [429, [1305, 1312], 'OVERLOADED', true],
    [429, [1304, 1308, 1310, 1316, 1317, 1318, 1319, 1320, 1321], 'QUOTA_WINDOW', false],
    [500, [1200, 1230], 'SERVER_ERROR', true],
    [500, [1234], 'NETWORK', true],
  ] as const)('57 status %i codes %j are %s, retryable %s', (status, codes, code, retryable) => {
    for (const upstream of codes) {
      const expected = { code, retryable, upstreamCode: String(upstream) };
      const text = { error: { code: String(upstream), message: 'm' } };
      const number = { error: { code: upstream, message: 'm' } };
      const wrapped = {
        type: 'error',
        error: { type: 'api_error', message: `[${upstream}][went wrong][20261125req]` },
        request_id: 'r',
      };
      for (const body of [text, number, wrapped]) {
        expect(classifyGLMError({ status, body, now: NOW })).toMatchObject(expected);
      }
      expect(classifyGLMError({ body: text, now: NOW }), 'inside a stream').toMatchObject({ code, retryable });
    }
  });

  it.each([
    [434, 'PERMISSION', false],
    [435, 'PERMISSION', false],
    [529, 'OVERLOADED', true],
    [500, 'SERVER_ERROR', true],
    [503, 'OVERLOADED', true],
    [404, 'MODEL_NOT_FOUND', false],
    [408, 'SERVER_ERROR', true],
  ] as const)('57 status %i without a known code is %s', (status, code, retryable) => {
    expect(classifyGLMError({ status, body: 'x', now: NOW })).toMatchObject({ code, retryable });
  });

  it('names the field of a bad request where the message does', () => {
    const body = { error: { code: '1214', message: "The parameter 'messages[2].content' is empty" } };
    expect(classifyGLMError({ status: 400, body, now: NOW })).toMatchObject({ field: 'messages[2].content' });
  });

  it('only 1302 and 1303 shrink the gate', () => {
    const overload = (code: number): unknown =>
      classifyGLMError({ status: 429, body: { error: { code } }, now: NOW }).overload;
    expect([1302, 1303].map(overload)).toEqual([true, true]);
    expect([1305, 1313, 1113, 1308].map(overload)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it.each([
    ['Usage limit reached for 5 hour. Your limit will reset at 2026-11-26 18:23:44', '2026-11-26T10:23:44Z'],
    ['已达到 5 小时的使用上限。您的限额将在 2026-11-26 18:23:44 重置。', '2026-11-26T10:23:44Z'],
    ['已达到上限，将于2026年11月26日 18:23重置', '2026-11-26T10:23:00Z'],
    ['resets at 2026-11-26T18:23:44Z', '2026-11-26T18:23:44Z'],
    ['resets at 2026-11-26 18:23:44 +02:00', '2026-11-26T16:23:44Z'],
    ['resets at 2026-11-26 18:23:44 UTC', '2026-11-26T18:23:44Z'],
  ])('59 reads the reset time of %j', (message, at) => {
    const found = classifyGLMError({ status: 429, body: { error: { code: '1308', message } }, now: NOW });
    expect(found.resetAt).toBe(Date.parse(at));
  });

  it('59 gives no reset time where there is none, or one that has passed', () => {
    expect(readResetAt('try again later', NOW)).toBeUndefined();
    expect(readResetAt('reset at 2020-01-01 00:00:00', NOW)).toBeUndefined();
  });
});

describe('Kimi error table', () => {
  it.each([
    [400, 'invalid_request_error', 'INVALID_REQUEST', false],
    [400, 'content_filter', 'CONTENT_FILTER', false],
    [401, 'invalid_authentication_error', 'AUTH', false],
    [401, 'incorrect_api_key_error', 'AUTH', false],
    [402, 'membership_required', 'QUOTA_EXHAUSTED', false],
    [403, 'permission_denied_error', 'PERMISSION', false],
    [403, 'access_terminated_error', 'PERMISSION', false],
    [404, 'resource_not_found_error', 'MODEL_NOT_FOUND', false],
    [429, 'rate_limit_reached_error', 'RATE_LIMITED', true],
    [429, 'engine_overloaded_error', 'OVERLOADED', true],
    [429, 'exceeded_current_quota_error', 'QUOTA_EXHAUSTED', false],
    [500, 'server_error', 'SERVER_ERROR', true],
    [500, 'unexpected_output', 'SERVER_ERROR', true],
    [409, 'conflict', 'SERVER_ERROR', true],
    [529, 'x', 'OVERLOADED', true],
  ] as const)('57 status %i type %s is %s, retryable %s', (status, type, code, retryable) => {
    const body = { error: { type, message: 'm' } };
    expect(classifyKimiError({ status, body, now: NOW })).toMatchObject({ code, retryable, upstreamCode: type });
  });

  it('57 a rate_limit_error of the coding plan with overload wording is OVERLOADED', () => {
    const body = {
      error: { type: 'rate_limit_error', message: 'The engine is currently overloaded, please try again later' },
    };
    expect(classifyKimiError({ status: 429, body, now: NOW })).toMatchObject({ code: 'OVERLOADED', retryable: true });
  });

  it('65 a token quota per minute passes, a used-up balance does not', () => {
    const body = (message: string): unknown => ({ error: { type: 'rate_limit_reached_error', message } });
    const kind = (message: string): string => classifyKimiError({ status: 429, body: body(message), now: NOW }).code;
    expect(kind('Your account reached its token quota per minute, please try again after 1 seconds')).toBe(
      'RATE_LIMITED',
    );
    expect(kind('Your account is suspended due to insufficient balance, please recharge')).toBe('QUOTA_EXHAUSTED');
  });

  it('63 a gated user agent is PERMISSION with advice', () => {
    const body = { error: { type: 'access_terminated_error', message: 'only for coding agents' } };
    const found = classifyKimiError({ status: 403, body, now: NOW });
    expect(found).toMatchObject({ code: 'PERMISSION', hint: expect.stringContaining('platform key') });
  });
});

it.each([
  'Input token length too long',
  'Your request exceeded model token limit: 262144',
  "This model's maximum context length is 131072 tokens",
  'Prompt exceeds max length: context window',
  '输入内容超长',
])('64 %j is CONTEXT_OVERFLOW for both', (message) => {
  const glm = classifyGLMError({ status: 400, body: { error: { code: '1210', message } }, now: NOW });
  const kimi = classifyKimiError({
    status: 400,
    body: { error: { type: 'invalid_request_error', message } },
    now: NOW,
  });
  expect([glm.code, kimi.code]).toEqual(['CONTEXT_OVERFLOW', 'CONTEXT_OVERFLOW']);
});

it('64 the window that an overflow names is part of the error', () => {
  const body = {
    error: { type: 'invalid_request_error', message: 'exceeded model token limit: 262144 (requested: 300000)' },
  };
  expect(classifyKimiError({ status: 400, body, now: NOW }).contextTokens).toBe(262_144);
});

it.each([
  [{ 'retry-after': '2' }, 2000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
  [{ 'retry-after': 'Wed, 25 Nov 2026 00:00:07 GMT' }, 7000],
  [{ 'retry-after': 'Wed, 25 Nov 2020 00:00:00 GMT' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '277403' }, 277_403_000],
  [{}, undefined],
])('60 retry-after %j is %s ms', (values, ms) => {
  expect(retryAfter({ headers: headers(values as Record<string, string>), now: NOW }).retryAfterMs).toBe(ms);
});

it('60 waits as long as asked, but not longer than it is worth', () => {
  const policy = new RetryPolicy({}, () => 0.5);
  const error = { code: 'RATE_LIMITED', retryable: true, message: '' } as const;
  expect(policy.delayMs(0, { ...error, retryAfterMs: 20_000 })).toBe(20_000);
  expect(policy.delayMs(0, { ...error, retryAfterMs: 277_403_000 })).toBeUndefined();
  expect(policy.delayMs(3, { ...error, backoffFactor: 2 })).toBe(4000);
  expect(policy.delayMs(20, error)).toBe(15_000);
});

it('retries draw on a budget that calls refill', () => {
  const policy = new RetryPolicy({ budget: 2, budgetPerCall: 0.5 }, Math.random);
  expect([policy.spend(), policy.spend(), policy.spend()]).toEqual([true, true, false]);
  policy.credit();
  policy.credit();
  expect([policy.spend(), policy.spend()]).toEqual([true, false]);
});

const quota = { error: { code: '1113', type: 'exceeded_current_quota_error', message: 'Insufficient balance' } };

const FIXTURES: Fixture[] = [
  {
    name: '58 an empty balance is exactly one request, with advice',
    replies: [json(429, quota)],
    requests: 1,
    error: { code: 'QUOTA_EXHAUSTED', retryable: false, status: 429, hint: expect.stringContaining('balance') },
  },
  {
    name: '58 the advice for 1113 names the Coding Plan endpoint',
    only: 'glm',
    replies: [json(429, quota)],
    requests: 1,
    error: { upstreamCode: '1113', hint: expect.stringContaining("plan: 'coding'") },
  },
  {
    name: '60 a Retry-After of 77 hours ends the call at once and is passed on',
    replies: [
      json(
        429,
        { error: { code: '1302', type: 'rate_limit_reached_error', message: 'slow' } },
        { 'retry-after': '277403' },
      ),
    ],
    requests: 1,
    error: { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 277_403_000 },
  },
  {
    name: '62 output already seen is never asked for again',
    replies: [sse(chunk({ content: 'half' })), answer('other')],
    requests: 1,
    error: { code: 'TRUNCATED' },
  },
  {
    name: '62 reasoning counts as output',
    replies: [sse(chunk({ reasoning_content: 'half' })), answer('other')],
    requests: 1,
    error: { code: 'TRUNCATED', partial: { text: '', reasoning: 'half' } },
  },
  {
    name: 'gives up after the retries, with every attempt',
    replies: [json(503, {})],
    call: { retries: 1 },
    requests: 2,
    error: {
      code: 'OVERLOADED',
      attempts: [
        { attempt: 1, code: 'OVERLOADED', status: 503 },
        { attempt: 2, code: 'OVERLOADED', status: 503 },
      ],
    },
  },
  {
    name: 'a connection that breaks is NETWORK and retried',
    replies: [(response) => void response.destroy(), answer('ok')],
    result: { text: 'ok', attempts: 2 },
  },
  {
    name: 'a connection that breaks after output is NETWORK with the partial answer',
    replies: [
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(chunk({ content: 'half' }));
        setTimeout(() => response.destroy(), 20);
      },
    ],
    requests: 1,
    error: { code: 'NETWORK', partial: { text: 'half' } },
  },
];

describe('failures', () => {
  runFixtures(FIXTURES);

  describe.each(DIALECTS)('%s', (provider, model) => {
    it('a blind call asks again even after output', () =>
      withServer([sse(chunk({ content: 'half' })), answer('whole')], async ({ url }) => {
        expect(await model(url, QUICK).generate(ASK)).toMatchObject({ text: 'whole', attempts: 2 });
      }));

    it('shows neither keys nor prompts nor answers in errors, inspect or JSON', () =>
      withServer(
        [
          (response, request) => {
            const key = String(request.headers.authorization).replace('Bearer ', '');
            const said = `bad key ${key} for ${JSON.stringify(request.body.messages)}`;
            return json(401, { error: { code: '1000', type: 'invalid_authentication_error', message: said } })(
              response,
              request,
              0,
            );
          },
          sse(chunk({ content: 'the answer is secret too' })),
        ],
        async ({ url }) => {
          const secret = 'my deepest secret is the number forty-two';
          const chat = model(url, { ...QUICK, headers: { 'x-extra': 'header-secret-1' } });
          const request = { messages: [{ role: 'user', content: secret }] } as const;
          for (let n = 0; n < 2; n += 1) {
            const error = await chat
              .stream(request)
              .final()
              .then(
                () => undefined,
                (caught: unknown) => caught,
              );
            expect(ProviderError.is(error)).toBe(true);
            for (const shown of [
              inspect(error, { depth: 9 }),
              JSON.stringify(error),
              String(error),
              (error as Error).stack,
            ]) {
              expect(shown).not.toContain('test-key');
              expect(shown).not.toContain('deepest secret');
              expect(shown).not.toContain('the answer is');
              expect(shown).not.toContain('header-secret');
            }
          }
          for (const shown of [inspect(chat, { depth: 9, showHidden: true }), JSON.stringify(chat)]) {
            expect(shown).not.toContain('test-key');
            expect(shown).not.toContain('header-secret');
          }
        },
      ));

    it('says which variables hold a key when there is none, before sending', async () => {
      const create = provider === 'glm' ? createGLM : createKimi;
      const failed = create({ apiKey: '' }).chat('x').generate(ASK);
      await expect(failed).rejects.toMatchObject({
        code: 'AUTH',
        hint:
          provider === 'glm'
            ? 'pass apiKey or set ZAI_API_KEY or ZHIPUAI_API_KEY'
            : 'pass apiKey or set MOONSHOT_API_KEY or KIMI_API_KEY',
      });
    });

    it('throws a RangeError for an option that does not exist', () => {
      const create = provider === 'glm' ? createGLM : createKimi;
      expect(() => create({ apikey: 'x' } as never)).toThrow(/has no option "apikey"; it takes apiKey/);
      expect(() => create({ region: 'mars' as never })).toThrow('region must be intl or cn, got "mars"');
    });
  });

  describe('61 abort', () => {
    const gate = (settle: Promise<never>): { acquire: () => Promise<never> } => ({ acquire: () => settle });
    const places = {
      queue: { replies: [answer('x')], options: { gate: gate(new Promise(() => undefined)) } },
      'back-off': { replies: [json(503, {}, { 'retry-after': '30' })], options: {} },
      headers: { replies: [() => undefined], options: {} },
      stream: { replies: [hang(chunk({ content: 'a' }))], options: {} },
      'error body': {
        replies: [
          (response: any) => {
            response.writeHead(500);
            response.write('{');
          },
        ],
        options: {},
      },
    };
    for (const [place, { replies, options }] of Object.entries(places)) {
      it(`in ${place} ends the call soon, closes the connection and settles once`, () =>
        withServer(replies as never, async ({ url, seen }) => {
          const releases: unknown[] = [];
          const counted = {
            acquire: async () => ({
              signal: new AbortController().signal,
              release: (outcome?: string) => releases.push(outcome),
            }),
          };
          const controller = new AbortController();
          const reason = new Error('stop it');
          const model = createGLM({ apiKey: 'k', baseURL: url, breaker: false, gate: counted, ...options }).chat(
            'glm-4.6',
          );
          const running = model.generate(ASK, { signal: controller.signal });
          const failed = running.then(
            () => undefined,
            (error: unknown) => error,
          );
          await new Promise((resolve) => setTimeout(resolve, 60));
          controller.abort(reason);
          let isSettled = false;
          void failed.then(() => (isSettled = true));
          // A handful of turns of the event loop, however loaded the machine is.
          await settle();
          expect(isSettled).toBe(true);
          const error = await failed;
          expect(error).toMatchObject({ code: 'ABORTED', retryable: false, cause: reason });
          expect(releases).toHaveLength(place === 'queue' ? 0 : 1);
          if (place !== 'queue' && place !== 'back-off') await seen[0]?.closed;
        }));
    }
  });
});
