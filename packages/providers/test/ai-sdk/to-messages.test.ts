import type { LanguageModelV3Prompt } from '@ai-sdk/provider';
import { describe, expect, it } from 'vitest';

import { toMessages } from '../../src/ai-sdk/to-messages.ts';

type UserContent = Extract<LanguageModelV3Prompt[number], { role: 'user' }>['content'];
type ToolOutput = Extract<
  Extract<LanguageModelV3Prompt[number], { role: 'tool' }>['content'][number],
  { type: 'tool-result' }
>['output'];

function fileOf(mediaType: string, data: string | Uint8Array | URL): unknown {
  const content: UserContent = [{ type: 'file', mediaType, data }];
  return toMessages([{ role: 'user', content }])
    .map((message) => message.content)
    .flat()[0];
}

function resultOf(output: ToolOutput): unknown {
  const content = [{ type: 'tool-result', toolCallId: 't1', toolName: 'look', output } as const];
  return toMessages([{ role: 'tool', content }])[0]?.content;
}

describe('a conversation of the AI SDK', () => {
  it('keeps its turns in order', () => {
    const prompt: LanguageModelV3Prompt = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Where is it?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'I look ' },
          { type: 'reasoning', text: 'first.' },
          { type: 'text', text: 'Let me ' },
          { type: 'text', text: 'see.' },
          {
            type: 'tool-call',
            toolCallId: 't1',
            toolName: 'look',
            input: { at: 'a' },
            providerOptions: { exai: { raw: '{"at": "a"}' } },
          },
          { type: 'tool-call', toolCallId: 't2', toolName: 'look', input: { at: 'b' } },
          { type: 'tool-call', toolCallId: 't3', toolName: 'web_search', input: {}, providerExecuted: true },
        ],
      },
      { role: 'assistant', content: [] },
    ];
    expect(toMessages(prompt)).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Where is it?' }] },
      {
        role: 'assistant',
        content: 'Let me see.',
        reasoning: 'I look first.',
        toolCalls: [
          { id: 't1', name: 'look', arguments: { at: 'a' }, raw: '{"at": "a"}' },
          { id: 't2', name: 'look', arguments: { at: 'b' } },
        ],
      },
      { role: 'assistant', content: '' },
    ]);
  });

  it.each<[ToolOutput, string]>([
    [{ type: 'text', value: 'found' }, 'found'],
    [{ type: 'error-text', value: 'no such file' }, 'no such file'],
    [{ type: 'json', value: { lines: [1, 2] } }, '{"lines":[1,2]}'],
    [{ type: 'error-json', value: { code: 7 } }, '{"code":7}'],
    [{ type: 'execution-denied', reason: 'not here' }, 'Denied: not here'],
    [{ type: 'execution-denied' }, 'Denied: the call was not approved'],
    [
      {
        type: 'content',
        value: [
          { type: 'text', text: 'a picture:' },
          { type: 'file-data', data: 'AA==', mediaType: 'image/png' },
        ],
      },
      'a picture:\n[file-data]',
    ],
  ])('tells the model the result %j as text', (output, text) => {
    expect(resultOf(output)).toBe(text);
  });

  it('says nothing to the model about an approval', () => {
    const approval = { type: 'tool-approval-response', approvalId: 'a1', approved: true } as const;
    expect(toMessages([{ role: 'tool', content: [approval] }])).toEqual([]);
  });

  it.each<[string, string | Uint8Array | URL, unknown]>([
    ['text/plain', btoa('plain'), { type: 'text', text: 'plain' }],
    ['text/markdown', new TextEncoder().encode('größer'), { type: 'text', text: 'größer' }],
    ['text/plain', new URL('https://example.com/a.txt'), { type: 'text', text: 'https://example.com/a.txt' }],
    ['image/jpeg', 'AAAA', { type: 'image', url: 'data:image/jpeg;base64,AAAA' }],
    ['image/*', new Uint8Array([0, 1, 2]), { type: 'image', url: 'data:image/png;base64,AAEC' }],
    ['image/png', new URL('https://example.com/a.png'), { type: 'image', url: 'https://example.com/a.png' }],
    ['video/mp4', 'AAAA', { type: 'video', url: 'data:video/mp4;base64,AAAA' }],
  ])('reads a file of %s', (mediaType, data, part) => {
    expect(fileOf(mediaType, data)).toEqual(part);
  });

  it('encodes a file of many bytes', () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    expect(fileOf('image/png', bytes)).toEqual({
      type: 'image',
      url: `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`,
    });
  });

  it('refuses a file that neither provider can read, and says which', () => {
    expect(() => fileOf('application/pdf', 'AAAA')).toThrow(
      new RangeError('a file must be an image, a video or text, got application/pdf'),
    );
  });
});
