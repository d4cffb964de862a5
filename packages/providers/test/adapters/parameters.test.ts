import { createHmac } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import type { ChatRequest } from '@exai/providers';

import { glmToken } from '../../src/glm/glm-token.ts';
import { joinUrl } from '../../src/pipeline/join-url.ts';
import { type Fixture, HI, runFixtures, warningsOf } from './fixture.ts';
import { answer, chunk, event, sse } from './wire-server.ts';

const DONE = event('[DONE]');
const tools: ChatRequest['tools'] = [
  { name: 'read', parameters: { type: 'object' } },
  { name: 'write', parameters: { type: 'object' } },
];
const ok = { replies: [answer('ok')] } as const;
const warns =
  (...codes: string[]): NonNullable<Fixture['events']> =>
  (events) =>
    expect(warningsOf(events)).toEqual(codes);

/** tool_choice × thinking × model, and what is sent. */
const MATRIX: [string, ChatRequest['toolChoice'], ChatRequest['thinking'], Record<string, unknown>, string[]][] = [
  [
    'kimi-k2.6',
    'required',
    undefined,
    { tool_choice: 'required', thinking: { type: 'disabled' } },
    ['THINKING_CHANGED'],
  ],
  ['kimi-k2.6', 'required', true, { tool_choice: 'required', thinking: { type: 'disabled' } }, ['THINKING_CHANGED']],
  ['kimi-k2.6', 'required', false, { tool_choice: 'required', thinking: { type: 'disabled' } }, []],
  [
    'kimi-k2.6',
    { name: 'read' },
    false,
    { tool_choice: { type: 'function', function: { name: 'read' } }, thinking: { type: 'disabled' } },
    [],
  ],
  ['kimi-k2.6', 'auto', true, { tool_choice: 'auto', thinking: { type: 'enabled', keep: 'all' } }, []],
  ['kimi-k2.6', 'none', true, { tool_choice: 'none', thinking: { type: 'enabled', keep: 'all' } }, []],
  ['kimi-k2.7-code', 'required', undefined, { tool_choice: 'auto' }, ['TOOL_CHOICE_CHANGED']],
  ['kimi-k2.7-code', { name: 'read' }, undefined, { tool_choice: 'auto' }, ['TOOL_CHOICE_CHANGED']],
  ['kimi-k3', 'required', undefined, { tool_choice: 'required' }, []],
  ['kimi-k3', { name: 'read' }, undefined, { tool_choice: 'required' }, ['TOOL_CHOICE_CHANGED']],
  ['kimi-k9-test', 'required', undefined, { tool_choice: 'auto' }, ['TOOL_CHOICE_CHANGED']],
  ['moonshot-v1-32k', 'required', undefined, { tool_choice: 'required' }, []],
  ['glm-4.6', 'required', undefined, { tool_choice: 'auto' }, ['TOOL_CHOICE_CHANGED']],
  ['glm-4.6', { name: 'read' }, undefined, { tool_choice: 'auto' }, ['TOOL_CHOICE_CHANGED']],
  ['glm-5.3', 'auto', false, { tool_choice: 'auto', thinking: { type: 'enabled' } }, ['THINKING_CHANGED']],
];

const FIXTURES: Fixture[] = [
  {
    ...ok,
    name: '47 pinned sampling is not sent',
    only: 'kimi',
    request: { temperature: 0.2, topP: 0.5 },
    sent: (body) => {
      expect(body).not.toHaveProperty('temperature');
      expect(body).not.toHaveProperty('top_p');
    },
    events: warns('PARAMETER_DROPPED', 'PARAMETER_DROPPED'),
  },
  {
    ...ok,
    name: '47 moonshot-v1 takes a temperature up to 1',
    only: 'kimi',
    model: 'moonshot-v1-8k',
    request: { temperature: 1.4 },
    sent: (body) => expect(body.temperature).toBe(1),
    events: warns('PARAMETER_CHANGED'),
  },
  {
    ...ok,
    name: '47 GLM gets two decimals and no temperature above 1',
    only: 'glm',
    request: { temperature: 1.7, topP: 0.123 },
    sent: (body) => expect(body).toMatchObject({ temperature: 1, top_p: 0.12 }),
    events: warns('PARAMETER_CHANGED'),
  },
  {
    ...ok,
    name: '47 temperature 0 is do_sample false',
    only: 'glm',
    request: { temperature: 0 },
    sent: (body) => {
      expect(body.do_sample).toBe(false);
      expect(body).not.toHaveProperty('temperature');
    },
  },
  ...MATRIX.map(([model, toolChoice, thinking, sent, warnings]): Fixture => ({
    ...ok,
    name: `48 ${model} tool_choice ${JSON.stringify(toolChoice)} thinking ${JSON.stringify(thinking) ?? 'default'}`,
    only: model.startsWith('glm') ? 'glm' : 'kimi',
    model,
    request: { tools, toolChoice, thinking },
    sent: (body) => expect(body).toMatchObject(sent),
    events: warns(...warnings),
  })),
  {
    ...ok,
    name: '48 a named choice that is downgraded leaves only that tool',
    model: 'kimi-k3',
    only: 'kimi',
    request: { tools, toolChoice: { name: 'write' } },
    sent: (body) => expect(body.tools.map((tool: any) => tool.function.name)).toEqual(['write']),
  },
  {
    ...ok,
    name: '48 strict throws instead, and sends nothing',
    only: 'glm',
    options: { strict: true },
    request: { tools, toolChoice: 'required' },
    requests: 0,
    error: { code: 'INVALID_REQUEST', field: 'toolChoice' },
  },
  {
    ...ok,
    name: '48 tool_choice none sends no tools to GLM',
    only: 'glm',
    request: { tools, toolChoice: 'none' },
    sent: (body) => expect(body).not.toHaveProperty('tools'),
  },
  {
    name: '50 names the providers refuse are renamed on the way out and back',
    request: {
      tools: [
        { name: '2fast!', parameters: { type: 'object' } },
        { name: 'ls', parameters: { type: 'object' } },
      ],
    },
    replies: [
      sse(
        chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: '_2fast_', arguments: '{}' } }] }),
        chunk({}, { finish_reason: 'tool_calls' }),
        DONE,
      ),
    ],
    sent: (body) => {
      const names = body.tools.map((tool: any) => tool.function.name);
      for (const name of names) expect(name).toMatch(/^[a-zA-Z_][a-zA-Z0-9_-]{2,63}$/);
      expect(new Set(names).size).toBe(2);
    },
    result: { toolCalls: [{ name: '2fast!' }] },
    events: warns('TOOL_RENAMED', 'TOOL_RENAMED'),
  },
  {
    ...ok,
    name: '50 names that would collide after the repair stay apart',
    request: {
      tools: [
        { name: 'a.b', parameters: {} },
        { name: 'a_b', parameters: {} },
        { name: 'a!b', parameters: {} },
      ],
    },
    sent: (body) => expect(body.tools.map((tool: any) => tool.function.name)).toEqual(['a_b_2', 'a_b', 'a_b_3']),
  },
  {
    ...ok,
    name: '51 JSON with a schema is emulated on GLM',
    only: 'glm',
    replies: [answer('{"n":1}')],
    request: { output: { type: 'json', schema: { type: 'object', required: ['n'] } } },
    sent: (body) => {
      expect(body.response_format).toEqual({ type: 'json_object' });
      expect(body.messages[0]).toMatchObject({ role: 'system', content: expect.stringContaining('"required":["n"]') });
    },
    result: { text: '{"n":1}' },
  },
  {
    name: '51 an answer that does not fit the schema is MALFORMED_OUTPUT with the place',
    replies: [answer('{"n":"1"}')],
    request: { output: { type: 'json', schema: { type: 'object', properties: { n: { type: 'integer' } } } } },
    error: { code: 'MALFORMED_OUTPUT', message: '$.n must be integer', partial: { text: '{"n":"1"}' } },
  },
  {
    ...ok,
    name: '51 JSON with a schema is json_schema on Kimi',
    only: 'kimi',
    replies: [answer('{"n":1}')],
    request: { output: { type: 'json', name: 'num', schema: { $schema: 'x', type: 'object' } } },
    sent: (body) =>
      expect(body.response_format).toEqual({
        type: 'json_schema',
        json_schema: { name: 'num', strict: true, schema: { type: 'object' } },
      }),
    events: warns(),
  },
  {
    ...ok,
    name: '52 empty contents are omitted, dropped or replaced',
    request: {
      tools,
      messages: [
        { role: 'system', content: '' },
        { role: 'user', content: '' },
        { role: 'assistant', content: '' },
        { role: 'assistant', content: '', toolCalls: [{ id: 'a', name: 'read', arguments: {} }] },
        { role: 'tool', toolCallId: 'a', name: 'read', content: '' },
        {
          role: 'user',
          content: [
            { type: 'text', text: '' },
            { type: 'text', text: 'x' },
          ],
        },
      ],
    },
    sent: ({ messages }) => {
      expect(messages.map(({ role }: any) => role)).toEqual(['user', 'assistant', 'tool', 'user']);
      expect(messages[0].content).toBe('(empty message)');
      expect(messages[1]).not.toHaveProperty('content');
      expect(messages[2].content).toBe('(no output)');
      expect(messages[3].content).toEqual([{ type: 'text', text: 'x' }]);
    },
    events: warns('HISTORY_REPAIRED', 'HISTORY_REPAIRED', 'HISTORY_REPAIRED', 'HISTORY_REPAIRED'),
  },
  {
    ...ok,
    name: '52 a call without an answer gets one, an answer without a call is left out',
    request: {
      tools,
      messages: [
        ...HI,
        { role: 'assistant', toolCalls: [{ id: 'a', name: 'read', arguments: {} }] },
        { role: 'tool', toolCallId: 'zzz', name: 'read', content: 'x' },
        { role: 'user', content: 'go on' },
      ],
    },
    sent: ({ messages }) =>
      expect(messages.slice(2)).toMatchObject([
        { role: 'tool', tool_call_id: 'a', content: '(no result)' },
        { role: 'user', content: 'go on' },
      ]),
    events: warns('HISTORY_REPAIRED', 'HISTORY_REPAIRED'),
  },
  {
    ...ok,
    name: '52 GLM is not asked without a user message',
    only: 'glm',
    request: { messages: [{ role: 'system', content: 'x' }] },
    requests: 0,
    error: { code: 'INVALID_REQUEST', field: 'messages' },
  },
  {
    ...ok,
    name: '53 a given beginning is a partial message and is not repeated',
    only: 'kimi',
    replies: [answer(' world')],
    request: { continueFrom: 'Hello' },
    sent: (body) => expect(body.messages.at(-1)).toMatchObject({ role: 'assistant', content: 'Hello', partial: true }),
    result: { text: ' world' },
  },
  {
    ...ok,
    name: '53 a beginning with JSON output is refused',
    only: 'kimi',
    request: { continueFrom: '{', output: { type: 'json' } },
    requests: 0,
    error: { code: 'INVALID_REQUEST', field: 'continueFrom' },
  },
  {
    ...ok,
    name: '53 GLM cannot continue a beginning and says so',
    only: 'glm',
    request: { continueFrom: 'Hello' },
    events: warns('PARAMETER_DROPPED'),
  },
  {
    ...ok,
    name: '54 the default token limit leaves room for reasoning',
    only: 'kimi',
    sent: (body) => expect(body.max_completion_tokens).toBe(32_768),
  },
  {
    ...ok,
    name: '54 a token limit beyond the model is cut with a warning',
    request: { maxOutputTokens: 10_000_000 },
    sent: (body) => expect(body.max_tokens ?? body.max_completion_tokens).toBeLessThan(300_000),
    events: warns('PARAMETER_CHANGED'),
  },
  {
    ...ok,
    name: 'stop texts, cache key, user and extra fields',
    only: 'kimi',
    request: { stop: ['a', 'x'.repeat(33)], cacheKey: 'k', userId: 'u', extra: { simulate: { serviceMs: 5 } } },
    sent: (body) =>
      expect(body).toMatchObject({
        stop: ['a'],
        prompt_cache_key: 'k',
        safety_identifier: 'u',
        simulate: { serviceMs: 5 },
        stream_options: { include_usage: true },
      }),
    events: warns('PARAMETER_DROPPED'),
  },
  {
    ...ok,
    name: 'GLM takes one stop text and a user id of 6 characters',
    only: 'glm',
    request: { stop: ['a', 'b'], userId: 'user-1' },
    sent: (body) => expect(body).toMatchObject({ stop: ['a'], user_id: 'user-1' }),
    events: warns('PARAMETER_CHANGED'),
  },
  {
    ...ok,
    name: 'images go out as image_url',
    model: 'glm-4.6v',
    only: 'glm',
    request: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what' },
            { type: 'image', url: 'data:image/png;base64,AA' },
          ],
        },
      ],
    },
    sent: (body) =>
      expect(body.messages[0].content[1]).toEqual({
        type: 'image_url',
        image_url: { url: 'data:image/png;base64,AA' },
      }),
  },
  {
    ...ok,
    name: 'images for a model that reads none are refused before sending',
    only: 'glm',
    request: { messages: [{ role: 'user', content: [{ type: 'image', url: 'data:x' }] }] },
    requests: 0,
    error: { code: 'INVALID_REQUEST', field: 'messages[0].content[0]' },
  },
  {
    ...ok,
    name: 'effort levels are mapped to those the model has',
    only: 'glm',
    model: 'glm-5.2',
    request: { thinking: { effort: 'medium' } },
    sent: (body) => expect(body).toMatchObject({ thinking: { type: 'enabled' }, reasoning_effort: 'high' }),
  },
  {
    ...ok,
    name: 'minimal effort switches reasoning off where it can be',
    only: 'glm',
    model: 'glm-5.2',
    request: { thinking: { effort: 'minimal' } },
    sent: (body) => expect(body).toMatchObject({ thinking: { type: 'disabled' }, reasoning_effort: 'none' }),
  },
  {
    ...ok,
    name: 'minimal effort switches reasoning off on a model without levels',
    only: 'glm',
    model: 'glm-4.6',
    request: { thinking: { effort: 'minimal' } },
    sent: (body) => {
      expect(body.thinking).toEqual({ type: 'disabled' });
      expect(body).not.toHaveProperty('reasoning_effort');
    },
  },
  {
    ...ok,
    name: 'effort on Kimi K3',
    only: 'kimi',
    model: 'kimi-k3',
    request: { thinking: { effort: 'low' } },
    sent: (body) => expect(body.reasoning_effort).toBe('low'),
  },
  {
    ...ok,
    name: 'an unknown field of a request is reported',
    request: { temprature: 1 },
    events: warns('UNKNOWN_OPTION'),
  },
  {
    ...ok,
    name: 'an unknown field of a request is refused when strict',
    options: { strict: true },
    request: { temprature: 1 },
    requests: 0,
    error: { code: 'INVALID_REQUEST', field: 'temprature' },
  },
  ...(
    [
      [{ messages: [] }, 'messages'],
      [{ tools: [{ name: '', parameters: {} }] }, 'tools[0].name'],
      [
        {
          tools: [
            { name: 'a', parameters: {} },
            { name: 'a', parameters: {} },
          ],
        },
        'tools[1].name',
      ],
      [{ tools: [{ name: 'a', parameters: [] as never }] }, 'tools[0].parameters'],
      [{ toolChoice: { name: 'nope' } }, 'toolChoice.name'],
      [{ maxOutputTokens: 0 }, 'maxOutputTokens'],
      [{ temperature: Number.NaN }, 'temperature'],
      [{ topP: 2 }, 'topP'],
      [{ messages: [{ role: 'robot', content: 'x' } as never] }, 'messages[0].role'],
    ] as [Partial<ChatRequest>, string][]
  ).map(([request, field]): Fixture => ({
    ...ok,
    name: `a bad ${field} is refused before sending, naming the field`,
    request,
    requests: 0,
    error: { code: 'INVALID_REQUEST', retryable: false, field },
  })),
];

describe('parameters', () => {
  runFixtures(FIXTURES);

  it.each([
    ['https://h/v4', 'https://h/v4/chat/completions'],
    ['https://h/v4/', 'https://h/v4/chat/completions'],
    ['https://h/v4//', 'https://h/v4/chat/completions'],
    ['https://h/v4/chat/completions', 'https://h/v4/chat/completions'],
    ['https://h/v4?key=1', 'https://h/v4/chat/completions?key=1'],
    ['https://h', 'https://h/chat/completions'],
  ])('55 joins %s', (base, whole) => {
    expect(joinUrl(base, '/chat/completions')).toBe(whole);
  });

  it('56 signs an id.secret key as GLM wants it, in milliseconds', async () => {
    const token = await glmToken('my-id.my-secret', 1_700_000_000_000);
    const [header = '', claims = '', signature] = token.split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', sign_type: 'SIGN' });
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      api_key: 'my-id',
      exp: 1_700_000_180_000,
      timestamp: 1_700_000_000_000,
    });
    expect(signature).toBe(createHmac('sha256', 'my-secret').update(`${header}.${claims}`).digest('base64url'));
  });

  it('56 sends a key of another form as it is', async () => {
    expect(await glmToken('plain-key', 0)).toBe('plain-key');
  });
});
