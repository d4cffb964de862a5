import { describe, expect, it } from 'vitest';

import { createGLM } from '@exai/providers';

import { type Fixture, runFixtures, warningsOf } from './fixture.ts';
import { withServer } from './models.ts';
import { answer, chunk, event, json, type Reply, sse, USAGE } from './wire-server.ts';

const DONE = event('[DONE]');
const FOUND = [{ title: 'T', link: 'https://e.x/1', content: 'C', media: 'M', refer: 'ref_1', publish_date: '2026' }];
const SOURCE = { title: 'T', url: 'https://e.x/1', content: 'C', ref: 'ref_1' };
const RAW = '{"search_result": {"search_id":"s1"},  "usage":{"total_tokens":9}}';

function searchCall(name: string, id: string, args: string): Reply {
  return sse(
    chunk({ reasoning_content: 'look', tool_calls: [{ index: 0, id, function: { name, arguments: args } }] }),
    chunk({}, { finish_reason: 'tool_calls', usage: USAGE }),
    DONE,
  );
}

const FORMULA_TOOLS = {
  object: 'list',
  tools: [
    {
      type: 'function',
      function: {
        name: 'web_search',
        description: 'd',
        parameters: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
      },
    },
  ],
};

const FIXTURES: Fixture[] = [
  {
    name: '43 results on a stream chunk become sources, and the text of the chunk stays',
    only: 'glm',
    request: { webSearch: true },
    replies: [sse(chunk({ content: 'A [ref_1]' }, { web_search: FOUND }), chunk({}, { finish_reason: 'stop' }), DONE)],
    result: { text: 'A [ref_1]', sources: [SOURCE] },
    events: (events) => expect(events).toContainEqual({ type: 'source', source: SOURCE }),
    sent: ({ tools, tool_choice }) => {
      expect(tools).toEqual([
        { type: 'web_search', web_search: { enable: true, search_engine: 'search_pro_jina', search_result: true } },
      ]);
      expect(tool_choice).toBe('auto');
    },
  },
  {
    name: '43 results of an answer that is not streamed',
    only: 'glm',
    request: { webSearch: { count: 3, recency: 'oneWeek', domain: 'e.x', contentSize: 'high', engine: 'search_std' } },
    replies: [
      json(200, { choices: [{ message: { content: 'A' }, finish_reason: 'stop' }], web_search: FOUND, usage: USAGE }),
    ],
    result: { text: 'A', sources: [SOURCE] },
    sent: ({ tools }) =>
      expect(tools[0].web_search).toEqual({
        enable: true,
        search_engine: 'search_std',
        search_result: true,
        count: 3,
        search_recency_filter: 'oneWeek',
        search_domain_filter: 'e.x',
        content_size: 'high',
      }),
  },
  {
    name: '44 $web_search is echoed byte for byte until an answer comes, with thinking off',
    only: 'kimi',
    request: { webSearch: true, thinking: false },
    replies: [searchCall('$web_search', '$web_search:0', RAW), answer('found')],
    requests: 2,
    result: { text: 'found', toolCalls: [], attempts: 2, usage: { inputTokens: 20 } },
    sent: (body, seen) => {
      expect(body.thinking).toEqual({ type: 'disabled' });
      expect(body.tools).toEqual([{ type: 'builtin_function', function: { name: '$web_search' } }]);
      const [, call, echo] = seen[1]?.body.messages ?? [];
      expect(call.tool_calls[0]).toEqual({
        id: '$web_search:0',
        type: 'function',
        function: { name: '$web_search', arguments: RAW },
      });
      expect(echo).toEqual({ role: 'tool', tool_call_id: '$web_search:0', name: '$web_search', content: RAW });
    },
    events: (events) => {
      const kinds = events.map(({ type }) => type);
      expect(kinds.filter((type) => type === 'server-tool')).toHaveLength(2);
      expect(kinds.some((type) => type.startsWith('tool-'))).toBe(false);
      expect(kinds.filter((type) => type === 'finish')).toHaveLength(1);
    },
  },
  {
    name: '44 the built-in search excludes reasoning',
    only: 'kimi',
    options: { webSearch: 'builtin' },
    request: { webSearch: true },
    replies: [answer('x')],
    sent: (body) => expect(body.thinking).toEqual({ type: 'disabled' }),
    events: (events) => expect(warningsOf(events)).toEqual(['THINKING_CHANGED']),
  },
  {
    name: '45 Formula functions are used with thinking, and their results handed to the model',
    only: 'kimi',
    request: { webSearch: true, thinking: true },
    replies: [
      json(200, FORMULA_TOOLS),
      searchCall('web_search', 'web_search:0', '{"query":"x"}'),
      json(200, { id: 'fiber-1', object: 'fiber', status: 'succeeded', context: { encrypted_output: '----ENC----' } }),
      answer('found'),
    ],
    requests: 4,
    result: { text: 'found', toolCalls: [] },
    sent: (_, seen) => {
      expect(seen[0]).toMatchObject({ method: 'GET', path: '/formulas/moonshot/web-search:latest/tools' });
      expect(seen[1]?.body).toMatchObject({
        thinking: { type: 'enabled' },
        tools: [{ function: { name: 'web_search' } }],
      });
      expect(seen[2]).toMatchObject({
        path: '/formulas/moonshot/web-search:latest/fibers',
        body: { name: 'web_search', arguments: '{"query":"x"}' },
      });
      expect(seen[3]?.body.messages.at(-1)).toEqual({
        role: 'tool',
        tool_call_id: 'web_search:0',
        name: 'web_search',
        content: '----ENC----',
      });
      expect(seen[3]?.body.messages.at(-2)).toMatchObject({ reasoning_content: 'look' });
    },
  },
  {
    name: '45 a search that fails is told to the model',
    only: 'kimi',
    request: { webSearch: true },
    replies: [
      json(200, FORMULA_TOOLS),
      searchCall('web_search', 'web_search:0', '{"query":"x"}'),
      json(500, { error: { type: 'server_error', message: 'down' } }),
      answer('without'),
    ],
    result: { text: 'without' },
    sent: (_, seen) => expect(seen[3]?.body.messages.at(-1).content).toBe('Error: SERVER_ERROR'),
  },
  {
    name: '45 Formula definitions that cannot be had end the call with their own error',
    only: 'kimi',
    request: { webSearch: true },
    replies: [json(401, { error: { type: 'invalid_authentication_error', message: 'no' } })],
    error: { code: 'AUTH', status: 401 },
  },
  {
    name: '46 eight rounds of searching are enough',
    only: 'kimi',
    request: { webSearch: true, thinking: false },
    replies: [searchCall('$web_search', '$web_search:0', RAW)],
    requests: 8,
    error: { code: 'MALFORMED_OUTPUT', retryable: false },
  },
  {
    name: "calls of the caller's own tools beside a search are handed on, the search is left out with a warning",
    only: 'kimi',
    request: { webSearch: true, thinking: false, tools: [{ name: 'read', parameters: { type: 'object' } }] },
    replies: [
      sse(
        chunk({
          tool_calls: [
            { index: 0, id: 'a', function: { name: '$web_search', arguments: RAW } },
            { index: 1, id: 'b', function: { name: 'read', arguments: '{}' } },
          ],
        }),
        chunk({}, { finish_reason: 'tool_calls' }),
        DONE,
      ),
    ],
    result: { toolCalls: [{ id: 'b', name: 'read' }], finishReason: 'tool-calls' },
    events: (events) => expect(warningsOf(events)).toEqual(['SERVER_TOOL_SKIPPED']),
  },
];

describe('web search', () => {
  runFixtures(FIXTURES);

  it('GLM searches without a model', () =>
    withServer([json(200, { search_result: FOUND })], async ({ url, seen }) => {
      const glm = createGLM({ apiKey: 'k', baseURL: url });
      expect(await glm.search({ query: 'q', count: 2 })).toEqual([SOURCE]);
      expect(seen[0]).toMatchObject({
        path: '/web_search',
        body: { search_query: 'q', search_engine: 'search_pro_jina', count: 2 },
      });
      await expect(glm.search({ query: 'x'.repeat(71) })).rejects.toThrow('query must have 1 to 70 characters, got 71');
    }));
});
