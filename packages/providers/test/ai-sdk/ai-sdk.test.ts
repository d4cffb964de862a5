import { createProviderRegistry, generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { describe, expect, it } from 'vitest';

import { createGLM, createKimi, ProviderError } from '@exai/providers';
import { asLanguageModel, asProvider } from '@exai/providers/ai-sdk';

import { DIALECTS, QUICK, withServer } from '../adapters/models.ts';
import { answer, chunk, event, hang, json, type Reply, sse, USAGE } from '../adapters/wire-server.ts';

const DONE = event('[DONE]');
const RAW = '{ "city" :"Rome" }';
const callWeather: Reply = sse(
  chunk({ reasoning_content: 'look it ' }),
  chunk({ reasoning_content: 'up' }),
  chunk({
    tool_calls: [{ index: 0, id: 'functions.weather:0', function: { name: 'weather', arguments: RAW.slice(0, 6) } }],
  }),
  chunk({ tool_calls: [{ index: 0, id: '', function: { name: '', arguments: RAW.slice(6) } }] }),
  chunk(
    {},
    {
      finish_reason: 'tool_calls',
      usage: { ...USAGE, cached_tokens: 4, completion_tokens_details: { reasoning_tokens: 2 } },
    },
  ),
  DONE,
);
const tools = {
  weather: tool({
    description: 'weather of a city',
    inputSchema: jsonSchema<{ city: string }>({
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    }),
    execute: async ({ city }) => ({ city, degrees: 21 }),
  }),
};

function checkSecondRequest(body: any): void {
  const [, call, result] = body.messages;
  expect(call).toMatchObject({
    role: 'assistant',
    reasoning_content: 'look it up',
    tool_calls: [{ id: 'functions.weather:0', type: 'function', function: { name: 'weather', arguments: RAW } }],
  });
  expect(result).toEqual({
    role: 'tool',
    tool_call_id: 'functions.weather:0',
    name: 'weather',
    content: '{"city":"Rome","degrees":21}',
  });
}

describe.each(DIALECTS)('%s in the AI SDK', (_provider, model) => {
  it('79 generateText runs tools over several steps', () =>
    withServer([callWeather, answer('21 degrees')], async ({ url, seen }) => {
      const result = await generateText({
        model: asLanguageModel(model(url)),
        prompt: 'weather in Rome?',
        tools,
        stopWhen: stepCountIs(3),
      });
      expect(result.text).toBe('21 degrees');
      expect(result.steps).toHaveLength(2);
      expect(result.steps[0]?.reasoningText).toBe('look it up');
      expect(result.steps[0]?.usage).toMatchObject({
        inputTokens: 10,
        outputTokens: 5,
        inputTokenDetails: { cacheReadTokens: 4, noCacheTokens: 6 },
        outputTokenDetails: { reasoningTokens: 2, textTokens: 3 },
      });
      checkSecondRequest(seen[1]?.body);
    }));

  it('79 streamText runs tools over several steps', () =>
    withServer([callWeather, answer('21 degrees')], async ({ url, seen }) => {
      const result = streamText({
        model: asLanguageModel(model(url)),
        prompt: 'weather in Rome?',
        tools,
        stopWhen: stepCountIs(3),
      });
      const kinds: string[] = [];
      for await (const part of result.fullStream) kinds.push(part.type);
      expect(await result.text).toBe('21 degrees');
      expect(await result.finishReason).toBe('stop');
      const inOrder = [
        'reasoning-start',
        'reasoning-end',
        'tool-input-start',
        'tool-input-end',
        'tool-call',
        'tool-result',
        'finish-step',
        'text-start',
        'text-end',
        'finish',
      ];
      expect(kinds.filter((kind) => inOrder.includes(kind) && kind !== 'finish-step')).toEqual(
        inOrder.filter((kind) => kind !== 'finish-step'),
      );
      checkSecondRequest(seen[1]?.body);
    }));

  it('79 maxRetries of the SDK does not multiply ours', () =>
    withServer([json(503, { error: { message: 'busy' } })], async ({ url, seen }) => {
      const failed = generateText({ model: asLanguageModel(model(url, QUICK)), prompt: 'x', maxRetries: 2 });
      const error = await failed.then(
        () => undefined,
        (caught: unknown) => caught,
      );
      expect(ProviderError.is(error)).toBe(true);
      expect(seen).toHaveLength(3);
    }));

  it('79 abortSignal closes the connection', () =>
    withServer([hang(chunk({ content: 'a' }))], async ({ url, seen }) => {
      const controller = new AbortController();
      const result = streamText({
        model: asLanguageModel(model(url)),
        prompt: 'x',
        abortSignal: controller.signal,
        onError: () => undefined,
      });
      for await (const part of result.fullStream) if (part.type === 'text-delta') controller.abort();
      await seen[0]?.closed;
    }));

  it('a failure in the middle is an error part, never a quiet end', () =>
    withServer([sse(chunk({ content: 'half' }))], async ({ url }) => {
      const errors: unknown[] = [];
      const result = streamText({
        model: asLanguageModel(model(url)),
        prompt: 'x',
        onError: ({ error }) => void errors.push(error),
      });
      await result.consumeStream();
      expect(errors).toMatchObject([{ code: 'TRUNCATED' }]);
    }));

  it('arguments that cannot be read reach the SDK as an invalid call', () =>
    withServer(
      [
        sse(
          chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'weather', arguments: '{"city' } }] }),
          chunk({}, { finish_reason: 'tool_calls' }),
          DONE,
        ),
      ],
      async ({ url }) => {
        const result = await generateText({ model: asLanguageModel(model(url)), prompt: 'x', tools });
        expect(result.toolCalls[0]).toMatchObject({ invalid: true });
      },
    ));

  it('objects come back checked, and unsupported settings are warned of', () =>
    withServer([answer('{"n":1}')], async ({ url }) => {
      const result = await generateObject({
        model: asLanguageModel(model(url)),
        prompt: 'x',
        topK: 3,
        schema: jsonSchema<{ n: number }>({ type: 'object', properties: { n: { type: 'number' } } }),
      });
      expect(result.object).toEqual({ n: 1 });
      expect(result.warnings).toContainEqual({ type: 'unsupported', feature: 'topK' });
    }));
});

it('GLM sources and provider tools', () =>
  withServer(
    [
      sse(
        chunk({ content: 'A' }, { web_search: [{ link: 'https://e.x', title: 'T', refer: 'ref_1' }] }),
        chunk({}, { finish_reason: 'stop' }),
        DONE,
      ),
    ],
    async ({ url, seen }) => {
      const result = await generateText({
        model: asLanguageModel(createGLM({ apiKey: 'k', baseURL: url }).chat('glm-4.6')),
        prompt: 'x',
        tools: {
          search: { type: 'provider', id: 'glm.web_search', args: { count: 3 }, inputSchema: jsonSchema({}) } as never,
        },
      });
      expect(result.sources).toEqual([
        { type: 'source', sourceType: 'url', id: 'ref_1', url: 'https://e.x', title: 'T' },
      ]);
      expect(seen[0]?.body.tools[0]).toMatchObject({ type: 'web_search', web_search: { count: 3 } });
    },
  ));

it('provider options reach the request, files become parts', () =>
  withServer([answer('ok')], async ({ url, seen }) => {
    await generateText({
      model: asLanguageModel(createKimi({ apiKey: 'k', baseURL: url }).chat('kimi-k2.6')),
      messages: [{ role: 'user', content: [{ type: 'image', image: Uint8Array.of(1, 2, 3), mediaType: 'image/png' }] }],
      providerOptions: { kimi: { thinking: false, cacheKey: 'c' } },
    });
    expect(seen[0]?.body).toMatchObject({
      thinking: { type: 'disabled' },
      prompt_cache_key: 'c',
      messages: [{ content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } }] }],
    });
  }));

it('is found in a registry', () =>
  withServer([answer('ok')], async ({ url }) => {
    const registry = createProviderRegistry({ glm: asProvider(createGLM({ apiKey: 'k', baseURL: url })) });
    expect((await generateText({ model: registry.languageModel('glm:glm-4.6'), prompt: 'x' })).text).toBe('ok');
    expect(() => registry.embeddingModel('glm:x')).toThrow();
  }));
