import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createGLM, createKimi, ProviderError } from '@exai/providers';
import { createSimulator, type Simulator, WIRE_SHAPES } from '@exai/providers/simulator';

/** What each named shape comes to: an answer, or the code of the failure. Shapes not named here end well. */
const FAILS: Readonly<Record<string, string>> = {
  'done-without-finish': 'TRUNCATED',
  'eof-mid-text': 'TRUNCATED',
  'cut-mid-text': 'NETWORK',
  'broken-json-line': 'MALFORMED_STREAM',
  'json-error-200': 'OVERLOADED',
  'html-502': 'SERVER_ERROR',
  'html-500': 'SERVER_ERROR',
  'error-chunk-first': 'OVERLOADED',
  'error-chunk-after-text': 'OVERLOADED',
  'eof-mid-tool-args': 'TRUNCATED',
  'tool-no-name': 'MALFORMED_OUTPUT',
  'think-only': 'EMPTY_RESPONSE',
  'length-empty': 'EMPTY_RESPONSE',
  'finish-network-error': 'SERVER_ERROR',
  'finish-network-error-first': 'SERVER_ERROR',
  'finish-context-exceeded': 'CONTEXT_OVERFLOW',
  'header-hang': 'TIMEOUT',
  'silence-after-headers': 'TIMEOUT',
  'keep-alive-hang': 'TIMEOUT',
  'role-only-hang': 'TIMEOUT',
  'hang-mid-text': 'TIMEOUT',
  'keep-alive-mid-reasoning': 'TIMEOUT',
};
/** Finish reasons of the other provider: unknown there, so a stop with a warning. */
const GLM_ONLY = new Set(['finish-network-error', 'finish-network-error-first', 'finish-context-exceeded']);
const tools = [{ name: 'read', parameters: { type: 'object', properties: { path: { type: 'string' } } } }];
const messages = [{ role: 'user', content: 'hi' }] as const;

describe('every wire shape of the simulator', () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await createSimulator({ port: 0 });
  });
  afterAll(() => simulator.close());

  for (const provider of ['glm', 'kimi'] as const) {
    it.each(WIRE_SHAPES)(`${provider}: %s`, async (shape) => {
      try {
        simulator.script(provider, shape);
      } catch {
        // An error of the other provider.
        return;
      }
      const { baseURL } = simulator[provider];
      const options = { apiKey: 'id.secret', baseURL, breaker: false } as const;
      const model = provider === 'glm' ? createGLM(options).chat('glm-4.6') : createKimi(options).chat('kimi-k2.6');
      const ms = FAILS[shape] === 'TIMEOUT' ? 250 : 15_000;
      const call = { retries: 0, timeouts: { first: ms, text: ms, reasoning: ms, 'tool-args': ms } } as const;
      const ended = await model.generate({ messages, tools }, call).then(
        (result) => result,
        (error: unknown) => error,
      );
      if (shape.startsWith('error:')) {
        expect(ended).toBeInstanceOf(ProviderError);
        const { code, upstreamCode } = ended as ProviderError;
        if (shape === 'error:context_overflow') expect(code).toBe('CONTEXT_OVERFLOW');
        else expect(upstreamCode).toBe(shape.slice('error:'.length));
        return;
      }
      const fails = provider === 'kimi' && GLM_ONLY.has(shape) ? undefined : FAILS[shape];
      const isEmptyKimi = provider === 'kimi' && shape === 'finish-network-error-first';
      if (isEmptyKimi) expect(ended).toMatchObject({ code: 'EMPTY_RESPONSE' });
      else if (fails === undefined) expect(ended).toMatchObject({ finishReason: expect.any(String) });
      else expect(ended).toMatchObject({ code: fails });
    });
  }
});
