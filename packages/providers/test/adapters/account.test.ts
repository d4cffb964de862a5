import { describe, expect, it } from 'vitest';

import { createGLM, createKimi } from '@exai/providers';

import { ASK, withServer } from './models.ts';
import { json } from './wire-server.ts';

const FILE = {
  id: 'file-1',
  object: 'file',
  bytes: 5,
  created_at: 1_700_000_000,
  filename: 'a.txt',
  purpose: 'file-extract',
  status: 'ok',
};
const INFO = {
  id: 'file-1',
  name: 'a.txt',
  bytes: 5,
  purpose: 'file-extract',
  createdAt: 1_700_000_000_000,
  status: 'ok',
};
const denied = {
  acquire: (): Promise<never> => {
    throw new Error('no permit may be asked for');
  },
};

describe('account calls take no permit', () => {
  it('Kimi: balance', () =>
    withServer(
      [json(200, { code: 0, data: { available_balance: 9.5, voucher_balance: 1, cash_balance: 8.5 }, status: true })],
      async ({ url, seen }) => {
        const kimi = createKimi({ apiKey: 'k', baseURL: url, gate: denied });
        expect(await kimi.balance()).toEqual({ available: 9.5, voucher: 1, cash: 8.5 });
        expect(seen[0]).toMatchObject({ method: 'GET', path: '/users/me/balance' });
        expect(seen[0]?.headers.authorization).toBe('Bearer k');
      },
    ));

  it('Kimi: token count of a request as it would be sent', () =>
    withServer([json(200, { code: 0, data: { total_tokens: 42 } })], async ({ url, seen }) => {
      const kimi = createKimi({ apiKey: 'k', baseURL: url });
      expect(await kimi.countTokens('kimi-k2.6', ASK)).toBe(42);
      expect(seen[0]).toMatchObject({
        path: '/tokenizers/estimate-token-count',
        body: { model: 'kimi-k2.6', messages: [{ role: 'user', content: 'hi' }] },
      });
    }));

  it('Kimi: models', () =>
    withServer([json(200, { data: [{ id: 'kimi-k3', context_length: 1_048_576 }, { id: 'x' }] })], async ({ url }) => {
      expect(await createKimi({ apiKey: 'k', baseURL: url }).models()).toEqual([
        { id: 'kimi-k3', contextTokens: 1_048_576 },
        { id: 'x' },
      ]);
    }));

  it('Kimi: files go up as a form, and their text comes back', () =>
    withServer(
      [
        json(200, FILE),
        json(200, { data: [FILE] }),
        json(200, { content: 'hello', type: 'file' }),
        json(200, { id: 'file-1', deleted: true }),
      ],
      async ({ url, seen }) => {
        const { files } = createKimi({ apiKey: 'k', baseURL: url });
        expect(await files.upload({ name: 'a.txt', data: 'hello' })).toEqual(INFO);
        expect(await files.list()).toEqual([INFO]);
        expect(await files.extract('file-1')).toBe('hello');
        await files.delete('file-1');
        expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
          'POST /files',
          'GET /files',
          'GET /files/file-1/content',
          'DELETE /files/file-1',
        ]);
        expect(seen[0]?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
        expect(seen[0]?.body).toContain('file-extract');
        expect(seen[0]?.body).toContain('filename="a.txt"');
      },
    ));

  it('refuses an empty file before sending', async () => {
    const { files } = createKimi({ apiKey: 'k', baseURL: 'http://127.0.0.1:1' });
    await expect(files.upload({ name: 'a', data: '' })).rejects.toThrow(RangeError);
  });

  it('GLM: token count, quota and files', () =>
    withServer(
      [
        json(200, { id: 'x', usage: { prompt_tokens: 7, total_tokens: 7 } }),
        json(200, {
          code: 200,
          success: true,
          data: {
            limits: [
              { type: 'TOKENS_LIMIT', percentage: 12, currentValue: 12, usage: 100, nextResetTime: 1_800_000_000_000 },
            ],
          },
        }),
        json(200, { ...FILE, purpose: 'agent' }),
      ],
      async ({ url, seen }) => {
        const glm = createGLM({ apiKey: 'k', baseURL: `${url}/api/paas/v4` });
        expect(await glm.countTokens('glm-4.6', ASK)).toBe(7);
        expect(await glm.quota()).toEqual([
          { type: 'TOKENS_LIMIT', usedPercent: 12, used: 12, limit: 100, resetAt: 1_800_000_000_000 },
        ]);
        expect(await glm.files.upload({ name: 'a.txt', data: new TextEncoder().encode('hello') })).toMatchObject({
          id: 'file-1',
        });
        expect(seen.map(({ path }) => path)).toEqual([
          '/api/paas/v4/tokenizer',
          '/api/monitor/usage/quota/limit',
          '/api/paas/v4/files',
        ]);
      },
    ));

  it('an error keeps its code and shows no key', () =>
    withServer(
      [json(401, { error: { type: 'invalid_authentication_error', message: 'bad key sk-12345678' } })],
      async ({ url }) => {
        const failed = createKimi({ apiKey: 'sk-12345678', baseURL: url }).balance();
        await expect(failed).rejects.toMatchObject({
          code: 'AUTH',
          status: 401,
          message: 'HTTP 401: bad key [redacted]',
        });
      },
    ));

  it('a business error with status 200 is an error', () =>
    withServer([json(200, { code: 1113, msg: 'Insufficient balance' })], async ({ url }) => {
      await expect(createGLM({ apiKey: 'k', baseURL: url }).quota()).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
    }));
});
