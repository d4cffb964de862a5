import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { PartWriter, toContent, toUsage, toWarnings } from '../../src/ai-sdk/to-parts.ts';
import type { ChatEvent, ChatResult } from '../../src/chat/chat-model.ts';

const timings = { waitMs: 0, firstTokenMs: 1, totalMs: 2 };
const finish: ChatEvent = { type: 'finish', reason: 'stop', rawReason: 'stop', timings };
const usage = { inputTokens: 10, outputTokens: 8, reasoningTokens: 3, cachedTokens: 4, totalTokens: 18 };

function write(events: readonly ChatEvent[]): LanguageModelV3StreamPart[] {
  const writer = new PartWriter('glm');
  return events.flatMap((event) => writer.write(event));
}

describe('the parts of a stream', () => {
  it('open and close a block around its deltas, whatever comes between', () => {
    const block = constantFrom<ChatEvent>(
      { type: 'text', delta: 'a' },
      { type: 'reasoning', delta: 'b' },
      { type: 'source', source: { url: 'https://example.com' } },
      { type: 'tool-start', index: 0, id: 't', name: 'look' },
      { type: 'stalled', phase: 'text', silentMs: 1, budgetMs: 2 },
    );
    assert(
      property(array(block, { maxLength: 12 }), (events) => {
        const open = new Set<string>();
        for (const part of write([...events, finish])) {
          if (part.type === 'text-start' || part.type === 'reasoning-start') {
            expect(open.size).toBe(0);
            open.add(part.id);
          }
          if (part.type === 'text-delta' || part.type === 'reasoning-delta') expect([...open]).toEqual([part.id]);
          if (part.type === 'text-end' || part.type === 'reasoning-end') expect(open.delete(part.id)).toBe(true);
        }
        expect(open.size).toBe(0);
      }),
    );
  });

  it('carry a tool call from its start to its end', () => {
    const call = { id: 't1', name: 'look', arguments: { at: 'a' }, raw: '{"at": "a"}' };
    expect(
      write([
        { type: 'tool-start', index: 2, id: 't1', name: 'look' },
        { type: 'tool-delta', index: 2, delta: '{"at": ' },
        { type: 'tool-delta', index: 9, delta: 'x' },
        { type: 'tool-call', index: 2, call },
      ]),
    ).toEqual([
      { type: 'tool-input-start', id: 't1', toolName: 'look' },
      { type: 'tool-input-delta', id: 't1', delta: '{"at": ' },
      { type: 'tool-input-delta', id: '', delta: 'x' },
      { type: 'tool-input-end', id: 't1' },
      {
        type: 'tool-call',
        toolCallId: 't1',
        toolName: 'look',
        input: '{"at":"a"}',
        providerMetadata: { exai: { raw: '{"at": "a"}' } },
      },
    ]);
  });

  it('say who answered, and what it cost', () => {
    const [start, end] = write([
      { type: 'start', requestId: 'r1', attempt: 1, provider: 'glm', model: 'glm-5', servedModel: 'glm-5-x' },
      { type: 'usage', usage, cost: 0.25 },
      finish,
    ]);
    expect(start).toMatchObject({ type: 'response-metadata', id: 'r1', modelId: 'glm-5-x' });
    expect(end).toMatchObject({
      type: 'finish',
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: {
        inputTokens: { total: 10, noCache: 6, cacheRead: 4 },
        outputTokens: { total: 8, text: 5, reasoning: 3 },
      },
      providerMetadata: { glm: { costUsd: 0.25 } },
    });
    const [plain] = write([{ type: 'start', requestId: 'r2', attempt: 1, provider: 'glm', model: 'glm-5' }]);
    expect(plain).toMatchObject({ modelId: 'glm-5' });
  });

  it('leave out what the AI SDK has no word for', () => {
    const events: ChatEvent[] = [
      { type: 'waiting' },
      { type: 'granted', waitedMs: 1 },
      { type: 'hedge', attempt: 2 },
      { type: 'resumed', phase: 'text', silentMs: 1 },
      { type: 'server-tool', name: 'web_search', state: 'start' },
      { type: 'warning', code: 'PARAMETER_DROPPED', message: 'x' },
    ];
    expect(write(events)).toEqual([]);
  });
});

describe('a whole answer', () => {
  const answer: ChatResult = {
    text: '',
    reasoning: '',
    toolCalls: [],
    sources: [],
    usage,
    finishReason: 'stop',
    model: 'glm-5',
    requestId: 'r',
    attempts: 1,
    timings,
    warnings: [{ code: 'PARAMETER_DROPPED', message: 'seed is not sent' }],
  };

  it('has a part for everything in it, and none for what is not', () => {
    expect(toContent(answer)).toEqual([]);
    const content = toContent({
      ...answer,
      text: 'It has.',
      reasoning: 'Does it?',
      toolCalls: [
        { id: 't1', name: 'look', arguments: {}, raw: '{"at":', error: 'cut off' },
        { id: 't2', name: 'look', arguments: {}, error: 'unknown tool' },
      ],
      sources: [{ url: 'https://a.example', title: 'A', ref: 'ref_1' }, { url: 'https://b.example' }],
    });
    expect(content.map((part) => part.type)).toEqual([
      'reasoning',
      'text',
      'tool-call',
      'tool-call',
      'source',
      'source',
    ]);
    expect(content.slice(2)).toMatchObject([
      { input: '{"at":' },
      { input: '' },
      { id: 'ref_1', title: 'A' },
      { id: 'source-1', url: 'https://b.example' },
    ]);
  });

  it('has unknown counts, not zeros, where the provider sent none', () => {
    const none = { inputTokens: 0, outputTokens: 0, reasoningTokens: 0, cachedTokens: 0, totalTokens: 0 };
    expect(toUsage(none).inputTokens.total).toBeUndefined();
    expect(toUsage(usage).outputTokens.total).toBe(8);
  });

  it('names what was changed', () => {
    expect(toWarnings(answer)).toEqual([
      { type: 'compatibility', feature: 'PARAMETER_DROPPED', details: 'seed is not sent' },
    ]);
  });
});
