import type { LanguageModelV3CallOptions } from '@ai-sdk/provider';
import { describe, expect, it } from 'vitest';

import { toRequest } from '../../src/ai-sdk/to-request.ts';

const PROMPT: LanguageModelV3CallOptions['prompt'] = [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }];
const LOOK = { type: 'function', name: 'look', description: 'looks', inputSchema: { type: 'object' } } as const;

type Own = NonNullable<LanguageModelV3CallOptions['providerOptions']>[string];

const requestOf = (options: Partial<LanguageModelV3CallOptions>) => toRequest('glm', { prompt: PROMPT, ...options });
const requestWith = (glm: Own) => requestOf({ providerOptions: { glm } });

describe('a call of the AI SDK', () => {
  it.each<[string, Own, object]>([
    ['an effort', { effort: 'high' }, { thinking: { effort: 'high' } }],
    ['an effort inside thinking', { thinking: { effort: 'low' } }, { thinking: { effort: 'low' } }],
    ['thinking as a flag', { thinking: false }, { thinking: false }],
    ['an unknown effort', { effort: 'utmost' }, { thinking: undefined }],
    ['a search as a flag', { webSearch: true }, { webSearch: true }],
    [
      'a search with settings',
      { webSearch: { count: 3, domain: 'e.x', engine: 'std', recency: 'oneWeek', contentSize: 'high' } },
      { webSearch: { count: 3, domain: 'e.x', engine: 'std', recency: 'oneWeek', contentSize: 'high' } },
    ],
    ['a search with settings nobody knows', { webSearch: { recency: 'soon', contentSize: 7 } }, { webSearch: {} }],
    ['a search that is neither', { webSearch: 'yes' }, { webSearch: undefined }],
    ['a continued text', { continueFrom: 'So far' }, { continueFrom: 'So far' }],
    ['keys', { cacheKey: 'c', userId: 'u' }, { cacheKey: 'c', userId: 'u' }],
    ['more fields', { extra: { do_sample: false } }, { extra: { do_sample: false } }],
  ])('hands on %s', (_, own, request) => {
    expect(requestWith(own).request).toMatchObject(request);
  });

  it('hands on who waits for it, and how long', () => {
    const { signal } = new AbortController();
    const options = { session: 's', priority: 2, deadlineAt: 99, hedge: true };
    expect(requestOf({ abortSignal: signal, providerOptions: { glm: options } }).options).toEqual({
      ...options,
      signal,
    });
    expect(requestWith({}).options.hedge).toBe(false);
  });

  it.each<[LanguageModelV3CallOptions['toolChoice'], unknown]>([
    [undefined, undefined],
    [{ type: 'required' }, 'required'],
    [{ type: 'none' }, 'none'],
    [{ type: 'tool', toolName: 'look' }, { name: 'look' }],
  ])('chooses tools as %j says', (toolChoice, chosen) => {
    expect(requestOf({ tools: [LOOK], ...(toolChoice && { toolChoice }) }).request.toolChoice).toEqual(chosen);
  });

  it('offers functions and the provider’s own search, and warns of what it has not', () => {
    const { description: _, ...bare } = LOOK;
    const { request, warnings } = requestOf({
      tools: [
        { ...bare, name: 'peek' },
        LOOK,
        { type: 'provider', id: 'glm.web_search', name: 'search', args: { count: 5 } },
        { type: 'provider', id: 'other.computer', name: 'computer', args: {} },
      ],
      seed: 4,
      topK: 3,
    });
    expect(request.tools).toEqual([
      { name: 'peek', parameters: { type: 'object' } },
      { name: 'look', description: 'looks', parameters: { type: 'object' } },
    ]);
    expect(request.webSearch).toMatchObject({ count: 5 });
    expect(warnings.map((warning) => 'feature' in warning && warning.feature)).toEqual([
      'topK',
      'seed',
      'tool other.computer',
    ]);
  });

  it('has no tool choice without functions', () => {
    expect(requestOf({ toolChoice: { type: 'auto' } }).request.toolChoice).toBeUndefined();
  });

  it.each<[LanguageModelV3CallOptions['responseFormat'], unknown]>([
    [{ type: 'text' }, undefined],
    [{ type: 'json' }, { type: 'json' }],
    [
      { type: 'json', schema: { type: 'object' }, name: 'answer' },
      { type: 'json', schema: { type: 'object' }, name: 'answer' },
    ],
  ])('asks for the form %j', (responseFormat, output) => {
    expect(requestOf({ ...(responseFormat && { responseFormat }) }).request.output).toEqual(output);
  });
});
