import { describe, expect, it } from 'vitest';

import type { ChatModel, ChatRequest, Message } from '@exai/providers';

import { type Fixture, HI, runFixtures, textsOf, warningsOf } from './fixture.ts';
import { DIALECTS, withServer } from './models.ts';
import { answer, chunk, event, sse, USAGE } from './wire-server.ts';

const DONE = event('[DONE]');
const END = chunk({}, { finish_reason: 'tool_calls', usage: USAGE });
const tools: ChatRequest['tools'] = [
  { name: 'read', parameters: { type: 'object', properties: { path: { type: 'string' } } } },
];
const call = (
  index: number | undefined,
  id: string | undefined,
  name: string | undefined,
  args?: unknown,
): unknown => ({
  ...(index !== undefined && { index }),
  ...(id !== undefined && { id }),
  type: 'function',
  function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
});
const calls = (...list: unknown[]): string => chunk({ tool_calls: list });
const READ = { id: 'c1', name: 'read', arguments: { path: 'up.sh' } };

function shape(name: string, pieces: string[], toolCalls: unknown[], more: Partial<Fixture> = {}): Fixture {
  return {
    name,
    request: { tools },
    replies: [sse(...pieces, DONE)],
    result: { toolCalls, finishReason: 'tool-calls' },
    ...more,
  };
}

const FIXTURES: Fixture[] = [
  shape(
    '21 deltas without an index',
    [calls(call(undefined, 'c1', 'read', '{"path":')), calls(call(undefined, undefined, undefined, '"up.sh"}')), END],
    [READ],
  ),
  shape(
    '21 two calls without an index are told apart by their ids',
    [calls(call(undefined, 'a', 'read', '{"path":"x"}')), calls(call(undefined, 'b', 'read', '{"path":"y"}')), END],
    [
      { id: 'a', arguments: { path: 'x' } },
      { id: 'b', arguments: { path: 'y' } },
    ],
  ),
  shape(
    '22 continuations with empty id and name',
    [calls(call(0, 'c1', 'read', '{"path": "up')), calls(call(0, '', '', '.sh"}')), END],
    [READ],
  ),
  shape(
    '22 a first delta with an empty id gets one',
    [calls(call(0, '', 'read', '{"path":"up.sh"}')), END],
    [{ id: expect.stringMatching(/read/), name: 'read', arguments: { path: 'up.sh' } }],
  ),
  shape(
    '24 the same index used for two calls',
    [calls(call(0, 'a', 'read', '{"path":"x"}')), calls(call(0, 'b', 'read', '{"path":"y"}')), END],
    [
      { id: 'a', arguments: { path: 'x' } },
      { id: 'b', arguments: { path: 'y' } },
    ],
  ),
  shape(
    '25 interleaved indices',
    [
      calls(call(0, 'a', 'read', '{"pa'), call(1, 'b', 'read', '{"path"')),
      calls(call(1, undefined, undefined, ':"y"}')),
      calls(call(0, undefined, undefined, 'th":"x"}')),
      END,
    ],
    [
      { id: 'a', arguments: { path: 'x' } },
      { id: 'b', arguments: { path: 'y' } },
    ],
  ),
  shape('26 arguments as an object', [calls(call(0, 'c1', 'read', { path: 'up.sh' })), END], [READ]),
  shape('27 arguments encoded twice', [calls(call(0, 'c1', 'read', JSON.stringify('{"path":"up.sh"}'))), END], [READ], {
    events: (events) => expect(warningsOf(events)).toEqual(['TOOL_CALL_REPAIRED']),
  }),
  shape(
    '28 a whole call in the chunk of the finish',
    [chunk({ tool_calls: [call(0, 'c1', 'read', '{"path":"up.sh"}')] }, { finish_reason: 'tool_calls', usage: USAGE })],
    [READ],
  ),
  shape('30 a call without arguments', [calls(call(0, 'c1', 'read', '')), END], [{ name: 'read', arguments: {} }]),
  shape(
    '30 a call with null as arguments',
    [calls(call(0, 'c1', 'read', 'null')), END],
    [{ name: 'read', arguments: {} }],
  ),
  shape(
    '31 arguments that parse too early',
    [
      calls(call(0, 'c1', 'read', '{}')),
      calls(call(0, undefined, undefined, ' ')),
      calls(call(1, 'c2', 'read', '{"n":1')),
      calls(call(1, undefined, undefined, '2}')),
      END,
    ],
    [
      { id: 'c1', arguments: {} },
      { id: 'c2', arguments: { n: 12 } },
    ],
    {
      events: (events) => {
        const finals = events.filter(({ type }) => type === 'tool-call');
        const last = events.findLastIndex(({ type }) => type === 'tool-delta');
        expect(finals).toHaveLength(2);
        expect(events.findIndex(({ type }) => type === 'tool-call')).toBeGreaterThan(last);
      },
    },
  ),
  shape(
    '32 leaked argument markup is read where it is unambiguous',
    [calls(call(0, 'c1', 'read<arg_key>path</arg_key><arg_value>up.sh</arg_value>', '')), END],
    [READ],
    { events: (events) => expect(events.find(({ type }) => type === 'tool-start')).toMatchObject({ name: 'read' }) },
  ),
  shape(
    '32 leaked argument markup that cannot be read is an error of the call',
    [calls(call(0, 'c1', 'read<arg_key>path</arg_key><arg_val', '')), END],
    [{ name: 'read', error: expect.stringContaining('markup') }],
  ),
  {
    name: '33 leaked call markers are read when complete',
    only: 'kimi',
    request: { tools },
    replies: [
      sse(
        chunk({ content: 'I will read.<|tool_' }),
        chunk({
          content: 'calls_section_begin|><|tool_call_begin|>functions.read:0<|tool_call_argument_begin|>{"path":',
        }),
        chunk({ content: '"up.sh"}<|tool_call_end|><|tool_calls_section_end|>' }),
        chunk({}, { finish_reason: 'stop' }),
        DONE,
      ),
    ],
    result: {
      text: 'I will read.',
      finishReason: 'tool-calls',
      toolCalls: [{ id: 'functions.read:0', name: 'read', arguments: { path: 'up.sh' } }],
    },
  },
  {
    name: '33 leaked call markers that are cut are MALFORMED_OUTPUT',
    only: 'kimi',
    replies: [
      sse(
        chunk({ content: 'x<|tool_call_begin|>functions.read:0<|tool_call_argument_begin|>{"p' }),
        chunk({}, { finish_reason: 'stop' }),
        DONE,
      ),
    ],
    error: { code: 'MALFORMED_OUTPUT' },
  },
  {
    name: '33 text that only resembles a marker passes',
    only: 'kimi',
    replies: [
      sse(
        chunk({ content: 'a <|tool_' }),
        chunk({ content: 'box|> b <|' }),
        chunk({}, { finish_reason: 'stop' }),
        DONE,
      ),
    ],
    result: { text: 'a <|tool_box|> b <|' },
  },
  ...[
    ['a whole call', '<|open|>tools<|sep|><|open|>call tool="read" index="1"<|sep|>'],
    ['a call whose opening was swallowed', '<|open|>toolscall tool="read" index="1"<|sep|>'],
    ['an argument alone', '<|open|>argument key="path" type="string"<|sep|>up.sh<|close|>argument<|sep|>'],
    ['an answer in its channel', '<|open|>response<|sep|>hello<|close|>response<|sep|>'],
    ['text behind the end of the answer', 'hello<|close|>response<|sep|> and more'],
  ].map(([what, content = '']): Fixture => ({
    name: `33 leaked channels of K3 are MALFORMED_OUTPUT: ${what}`,
    only: 'kimi',
    model: 'kimi-k3',
    request: { tools },
    call: { retries: 0 },
    replies: [
      sse(
        chunk({ content: `I will read.${content.slice(0, 9)}` }),
        chunk({ content: content.slice(9) }),
        chunk({}, { finish_reason: 'stop' }),
        DONE,
      ),
    ],
    error: { code: 'MALFORMED_OUTPUT' },
    events: (events) => expect(textsOf(events, 'text')).not.toContain('<|open|>'),
  })),
  {
    name: '33 a leaked end of turn of K3 behind a whole answer is dropped',
    only: 'kimi',
    model: 'kimi-k3',
    replies: [
      sse(
        chunk({ content: 'hello<|close|>resp' }),
        chunk({ content: 'onse<|sep|><|close|>message<|sep|>' }),
        chunk({}, { finish_reason: 'stop' }),
        DONE,
      ),
    ],
    result: { text: 'hello', finishReason: 'stop' },
  },
  {
    name: '34 ids and arguments of the history go back byte for byte',
    request: {
      tools,
      messages: [
        ...HI,
        {
          role: 'assistant',
          reasoning: 'r',
          toolCalls: [{ id: 'functions.read:0', name: 'read', arguments: { path: 'x' }, raw: '{ "path" : "x" }' }],
        },
        { role: 'tool', toolCallId: 'functions.read:0', name: 'read', content: 'found' },
      ],
    },
    replies: [answer('ok')],
    sent: ({ messages }) => {
      expect(messages[1].tool_calls[0]).toEqual({
        id: 'functions.read:0',
        type: 'function',
        function: { name: 'read', arguments: '{ "path" : "x" }' },
      });
      expect(messages[2]).toMatchObject({ role: 'tool', tool_call_id: 'functions.read:0', content: 'found' });
      expect(messages[1]).not.toHaveProperty('content');
    },
  },
  {
    name: '35 tool_stream is asked for with tools',
    only: 'glm',
    request: { tools },
    replies: [answer('ok')],
    sent: (body) => expect(body.tool_stream).toBe(true),
  },
  {
    name: '35 tool_stream is not asked of models before 4.6, nor without tools',
    only: 'glm',
    model: 'glm-4.5-flash',
    request: { tools },
    replies: [answer('ok')],
    sent: (body) => expect(body).not.toHaveProperty('tool_stream'),
  },
  {
    name: '20 a call without a name is never handed on',
    request: { tools },
    replies: [sse(calls(call(0, 'c1', '', '{}')), END, DONE)],
    call: { retries: 0 },
    error: { code: 'MALFORMED_OUTPUT' },
    events: (events) => expect(events.some(({ type }) => type.startsWith('tool-'))).toBe(false),
  },
  {
    name: 'an announced tool call that does not come is MALFORMED_OUTPUT',
    request: { tools },
    replies: [sse(chunk({ content: 'x' }), END, DONE)],
    error: { code: 'MALFORMED_OUTPUT' },
  },
  {
    name: 'calls that end with finish_reason stop are tool calls',
    request: { tools },
    replies: [sse(calls(call(0, 'c1', 'read', '{"path":"up.sh"}')), chunk({}, { finish_reason: 'stop' }), DONE)],
    result: { finishReason: 'tool-calls', toolCalls: [READ] },
  },
  {
    name: 'arguments that are no object are an error of the call, with the raw text',
    request: { tools },
    replies: [sse(calls(call(0, 'c1', 'read', '[1,2]')), END, DONE)],
    result: { toolCalls: [{ name: 'read', raw: '[1,2]', error: expect.stringContaining('not a JSON object') }] },
  },
  {
    name: 'tool events come in order: start, deltas, call',
    request: { tools },
    replies: [
      sse(calls(call(0, 'c1', 'read', '{"path":')), calls(call(0, undefined, undefined, '"up.sh"}')), END, DONE),
    ],
    events: (events) => {
      const own = events.filter(({ type }) => type.startsWith('tool-'));
      expect(own[0]).toEqual({ type: 'tool-start', index: 0, id: 'c1', name: 'read' });
      expect(
        own
          .slice(1, -1)
          .map((one) => (one.type === 'tool-delta' ? one.delta : ''))
          .join(''),
      ).toBe('{"path":"up.sh"}');
      expect(own.at(-1)).toMatchObject({ type: 'tool-call', index: 0, call: READ });
    },
  },
];

describe('tool calls', () => runFixtures(FIXTURES));

describe('34 a conversation that changes its provider', () => {
  const [[, glm], [, kimi]] = DIALECTS;
  const ID = 'functions.read:0';
  const RAW = '{ "path" :"up.sh" }';
  const turn = async (model: ChatModel, messages: readonly Message[]): Promise<Message[]> => {
    const { text, reasoning, toolCalls } = await model.generate({ messages, tools });
    const results = toolCalls.map(({ id, name }): Message => ({
      role: 'tool',
      toolCallId: id,
      name,
      content: 'found',
    }));
    return [...messages, { role: 'assistant', content: text, reasoning, toolCalls }, ...results];
  };
  interface Sent {
    messages: { role: string; tool_calls?: unknown[]; tool_call_id?: string }[];
  }
  const callsIn = ({ messages }: Sent): unknown[] => messages.flatMap((message) => message.tool_calls ?? []);
  const idsAnswered = ({ messages }: Sent): unknown[] =>
    messages.filter(({ role }) => role === 'tool').map((message) => message.tool_call_id);

  it.each([
    ['from Kimi to GLM and back', kimi, glm, 'call_-8079'],
    ['from GLM to Kimi and back', glm, kimi, 'functions.read:1'],
  ])('keeps ids and arguments byte for byte %s', (_route, first, second, otherId) =>
    withServer(
      [
        sse(calls(call(0, ID, 'read', RAW)), END, DONE),
        sse(calls(call(0, otherId, 'read', '{"path":"b"}')), END, DONE),
        answer('done'),
      ],
      async ({ url, seen }) => {
        let messages: readonly Message[] = HI;
        for (const make of [first, second, first]) messages = await turn(make(url), messages);
        const one = { id: ID, type: 'function', function: { name: 'read', arguments: RAW } };
        const other = { id: otherId, type: 'function', function: { name: 'read', arguments: '{"path":"b"}' } };
        expect(callsIn(seen[1]?.body)).toEqual([one]);
        expect(idsAnswered(seen[1]?.body)).toEqual([ID]);
        expect(callsIn(seen[2]?.body)).toEqual([one, other]);
        expect(idsAnswered(seen[2]?.body)).toEqual([ID, otherId]);
        expect(messages.at(-1)).toMatchObject({ role: 'assistant', content: 'done' });
      },
    ),
  );
});
