import { describe, expect, it } from 'vitest';

import type { FetchLike } from '../../src/pipeline/http-transport.ts';
import { HttpTransport } from '../../src/pipeline/http-transport.ts';
import { RestClient, type RestRequest } from '../../src/pipeline/rest-client.ts';
import { TestClock } from './test-clock.ts';

const ASKED: RestRequest = { method: 'GET', path: '/things' };

function clientOf(fetch: FetchLike, clock: TestClock = new TestClock()): RestClient {
  return new RestClient({
    provider: 'glm',
    baseURL: 'https://api.example/v1',
    transport: new HttpTransport(fetch),
    clock,
    sign: async () => ({
      headers: { authorization: 'Bearer s3cret', 'content-type': 'application/json' },
      secrets: ['s3cret'],
    }),
    toError: ({ status, body }) => ({
      code: status === 401 ? 'AUTH' : 'INVALID_REQUEST',
      retryable: false,
      message: `said ${JSON.stringify(body)}`,
    }),
  });
}

/** Answers nothing until it is aborted. */
const silent: FetchLike = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });

describe('a request outside the chat', () => {
  it.each<[string, string, unknown]>([
    ['JSON', '{"data":{"n":1}}', { data: { n: 1 } }],
    ['text that is no JSON', 'plain', 'plain'],
    ['code 0 beside its data', '{"code":0,"status":true}', { code: 0, status: true }],
    ['code 200', '{"code":200,"msg":"fine"}', { code: 200, msg: 'fine' }],
    [
      'an error field inside an object of its own',
      '{"id":"f","error":{"message":"x"}}',
      { id: 'f', error: { message: 'x' } },
    ],
  ])('takes %s as an answer', async (_, text, value) => {
    expect(await clientOf(async () => new Response(text)).json(ASKED)).toEqual(value);
  });

  it('sends JSON with its type, and nothing without a body', async () => {
    const sent: RequestInit[] = [];
    const client = clientOf(async (_, init) => {
      sent.push(init);
      return new Response('{}');
    });
    await client.json({ ...ASKED, method: 'POST', json: { a: 1 } });
    await client.json(ASKED);
    expect(sent[0]).toMatchObject({ body: '{"a":1}', headers: { 'content-type': 'application/json' } });
    expect(sent[1]?.headers).toEqual({ authorization: 'Bearer s3cret' });
    expect(sent[1]).not.toHaveProperty('body');
  });

  it('sends a form with the boundary of its parts', async () => {
    const form = new FormData();
    form.set('purpose', 'agent');
    let sent: RequestInit = {};
    await clientOf(async (_, init) => {
      sent = init;
      return new Response('{}');
    }).json({ ...ASKED, method: 'POST', form });
    expect(new Headers(sent.headers).get('content-type')).toMatch(/^multipart\/form-data; boundary=/);
    expect(new TextDecoder().decode(sent.body as ArrayBuffer)).toContain('agent');
  });

  it.each<[string, Response, object]>([
    ['a status', Response.json({ why: 'no' }, { status: 401 }), { code: 'AUTH', message: 'said {"why":"no"}' }],
    [
      'a status with a text',
      new Response('down', { status: 500 }),
      { code: 'INVALID_REQUEST', message: 'said "down"' },
    ],
    ['an error behind HTTP 200', Response.json({ code: 1113, message: 'empty' }), { code: 'INVALID_REQUEST' }],
  ])('fails by %s', async (_, response, error) => {
    await expect(clientOf(async () => response).json(ASKED)).rejects.toMatchObject({ ...error, provider: 'glm' });
  });

  it('shows neither the key nor the prompt in an error', async () => {
    const client = clientOf(async () => Response.json({ said: 'Bearer s3cret, a private question' }, { status: 400 }));
    const failed = client.json({ ...ASKED, prompts: ['a private question'] });
    await expect(failed).rejects.toThrow(/^(?!.*s3cret)(?!.*a private question)/);
  });

  it.each<[string, unknown, string]>([
    ['an error', new TypeError('fetch failed'), 'the connection failed: fetch failed'],
    ['anything else', 'gone', 'the connection failed: gone'],
  ])('says that the connection failed by %s', async (_, thrown, message) => {
    const client = clientOf(() => Promise.reject(thrown));
    await expect(client.json(ASKED)).rejects.toMatchObject({
      code: 'NETWORK',
      retryable: true,
      message,
    });
  });

  it.each<[string, Partial<RestRequest>, number]>([
    ['60 s', {}, 60_000],
    ['300 s with a form', { form: new FormData() }, 300_000],
    ['the time it was given', { timeoutMs: 50 }, 50],
  ])('ends after %s of silence, and leaves no timer', async (_, more, ms) => {
    const clock = new TestClock();
    const failed = clientOf(silent, clock)
      .json({ ...ASKED, ...more })
      .catch((error: unknown) => error);
    await clock.advance(ms - 1);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await failed).toMatchObject({
      code: 'TIMEOUT',
      message: `no answer from /things within ${ms} ms`,
      timeout: { phase: 'total', budgetMs: ms },
    });
    expect(clock.pending).toBe(0);
  });

  it('ends when it is aborted, and says why', async () => {
    const clock = new TestClock();
    const reason = new Error('changed my mind');
    const abort = new AbortController();
    const failed = clientOf(silent, clock).json({ ...ASKED, signal: abort.signal });
    abort.abort(reason);
    await expect(failed).rejects.toMatchObject({ code: 'ABORTED', cause: reason });
    expect(clock.pending).toBe(0);
  });
});
