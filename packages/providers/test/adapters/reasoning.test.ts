import { describe, expect } from 'vitest';

import type { ChatRequest } from '@exai/providers';

import { type Fixture, HI, runFixtures, textsOf } from './fixture.ts';
import { answer, chunk, event, sse } from './wire-server.ts';

const DONE = event('[DONE]');
const STOP = chunk({}, { finish_reason: 'stop' });
const tools: ChatRequest['tools'] = [{ name: 'read', parameters: { type: 'object' } }];

function history(reasoning: string | undefined): ChatRequest['messages'] {
  return [
    ...HI,
    { role: 'assistant', reasoning, toolCalls: [{ id: 'read:0', name: 'read', arguments: {} }] },
    { role: 'tool', toolCallId: 'read:0', name: 'read', content: 'x' },
  ];
}

const sentReasoning = (expected: unknown) => (body: any) => expect(body.messages[1].reasoning_content).toBe(expected);

const FIXTURES: Fixture[] = [
  {
    name: '36 reasoning goes back with its tool calls',
    request: { tools, messages: history('because') },
    replies: [answer('ok')],
    sent: sentReasoning('because'),
  },
  {
    name: '37 empty reasoning goes back as an empty text',
    only: 'kimi',
    request: { tools, messages: history('') },
    replies: [answer('ok')],
    sent: sentReasoning(''),
  },
  {
    name: '38 an unknown Kimi model wants its reasoning back',
    only: 'kimi',
    model: 'kimi-k9-test',
    request: { tools, messages: history(undefined) },
    replies: [answer('ok')],
    sent: sentReasoning(''),
  },
  {
    name: '39 a turn without thinking is followed by one with it',
    only: 'kimi',
    request: {
      thinking: true,
      messages: [...HI, { role: 'assistant', content: 'plain' }, { role: 'user', content: 'more' }],
    },
    replies: [answer('ok')],
    sent: ({ messages, thinking }) => {
      expect(messages[1]).toEqual({ role: 'assistant', content: 'plain', reasoning_content: '' });
      expect(thinking).toEqual({ type: 'enabled', keep: 'all' });
    },
  },
  {
    name: '39 moonshot-v1 never gets reasoning',
    only: 'kimi',
    model: 'moonshot-v1-32k',
    request: { messages: [...HI, { role: 'assistant', content: 'a', reasoning: 'r' }, ...HI] },
    replies: [answer('ok')],
    sent: (body) => {
      expect(body.messages[1]).toEqual({ role: 'assistant', content: 'a' });
      expect(body).not.toHaveProperty('thinking');
    },
  },
  ...[
    ['kimi-k3', {}, { type: 'enabled', keep: 'all' }],
    ['kimi-k2.7-code', {}, { type: 'enabled', keep: 'all' }],
    ['kimi-k2.6', {}, { type: 'enabled', keep: 'all' }],
    ['kimi-k2.6', { keepThinking: false }, { type: 'enabled' }],
    ['kimi-k2.5', {}, { type: 'enabled' }],
  ].map(([model, options, thinking]): Fixture => ({
    name: `40 keep: ${model as string} ${JSON.stringify(options)}`,
    only: 'kimi',
    model: model as string,
    options: options as object,
    replies: [answer('ok')],
    sent: (body) => expect(body.thinking).toEqual(thinking),
  })),
  ...[
    [{}, undefined, undefined],
    [{}, true, { type: 'enabled' }],
    [{}, false, { type: 'disabled' }],
    [{ preserveThinking: true }, undefined, { type: 'enabled', clear_thinking: false }],
    [{ preserveThinking: true }, false, { type: 'disabled' }],
  ].map(([options, thinking, sent]): Fixture => ({
    name: `40 clear_thinking: ${JSON.stringify(options)} thinking ${JSON.stringify(thinking) ?? 'default'}`,
    only: 'glm',
    options: options as object,
    request: { thinking: thinking as boolean | undefined },
    replies: [answer('ok')],
    sent: (body) => expect(body.thinking).toEqual(sent),
  })),
  {
    name: '41 reasoning whose opening tag was lost is moved, with the tag split over chunks',
    only: 'glm',
    options: { leakGuard: true },
    replies: [
      sse(chunk({ content: '17×24' }), chunk({ content: '=408</th' }), chunk({ content: 'ink>\n\n408' }), STOP, DONE),
    ],
    result: { reasoning: '17×24=408', text: '408' },
    events: (events) => expect(textsOf(events, 'text')).toBe('408'),
  },
  {
    name: '41 a tag inside a code fence is text',
    only: 'glm',
    options: { leakGuard: true },
    replies: [sse(chunk({ content: 'Use:\n```\n</think>\n```\n' }), chunk({ content: 'done' }), STOP, DONE)],
    result: { reasoning: '', text: 'Use:\n```\n</think>\n```\ndone' },
  },
  {
    name: '41 a long head is released, and later tags are text',
    only: 'glm',
    options: { leakGuard: true },
    replies: [sse(chunk({ content: 'x'.repeat(3000) }), chunk({ content: '</think>y' }), STOP, DONE)],
    result: { reasoning: '', text: `${'x'.repeat(3000)}</think>y` },
  },
  {
    name: '41 a leading think block is reasoning and box tokens vanish',
    only: 'glm',
    replies: [
      sse(
        chunk({ content: '\n<thi' }),
        chunk({ content: 'nk>why</thi' }),
        chunk({ content: 'nk>\nA <|begin_of' }),
        chunk({ content: '_box|>42<|end_of_box|>' }),
        STOP,
        DONE,
      ),
    ],
    result: { reasoning: 'why', text: 'A 42' },
  },
  {
    name: '41 without the guard an orphan tag is text, and nothing is held back',
    only: 'glm',
    replies: [sse(chunk({ content: 'a' }), chunk({ content: '</think>b' }), STOP, DONE)],
    result: { text: 'a</think>b' },
  },
  {
    name: '42 an answer of reasoning alone is EMPTY_RESPONSE, with the reasoning',
    replies: [sse(chunk({ reasoning_content: 'hm' }), STOP, DONE)],
    error: { code: 'EMPTY_RESPONSE', retryable: true, partial: { text: '', reasoning: 'hm' } },
    requests: 1,
  },
  {
    name: '42 an answer of nothing is asked for once more',
    replies: [sse(chunk({ content: '' }), STOP, DONE)],
    error: { code: 'EMPTY_RESPONSE' },
    requests: 2,
  },
  {
    name: '54 a token limit used up by reasoning is EMPTY_RESPONSE with the reason, and not retried',
    replies: [sse(chunk({ reasoning_content: 'hm' }), chunk({}, { finish_reason: 'length' }), DONE)],
    error: {
      code: 'EMPTY_RESPONSE',
      retryable: false,
      upstreamCode: 'length',
      hint: expect.stringContaining('maxOutputTokens'),
    },
    requests: 1,
  },
];

describe('reasoning', () => runFixtures(FIXTURES));
