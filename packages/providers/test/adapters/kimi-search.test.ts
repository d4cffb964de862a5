import { describe, expect, it } from 'vitest';

import type { ChatRequest } from '../../src/chat/chat-model.ts';
import { ProviderError } from '../../src/chat/provider-error.ts';
import { KimiSearch } from '../../src/kimi/kimi-search.ts';
import type { RestRequest } from '../../src/pipeline/rest-client.ts';
import { createKimi } from '@exai/providers';

const SEARCHING: ChatRequest = { messages: [{ role: 'user', content: 'hi' }], webSearch: true };
const CALL = { id: 'c', name: 'find', arguments: { query: 'q' } };
const TOOLS = {
  tools: [
    { function: { name: 'find', description: 'd', parameters: {} } },
    { function: { name: 'open' } },
    { junk: 1 },
  ],
};
const model = createKimi({ apiKey: 'k' }).chat('kimi-k2.6').info;

/** Kimi's search over answers; an error among them is thrown. */
function searchOver(answers: unknown[]): { search: KimiSearch; asked: RestRequest[] } {
  const asked: RestRequest[] = [];
  const json = async (request: RestRequest): Promise<unknown> => {
    asked.push(request);
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return next;
  };
  return { search: new KimiSearch({ json }, { webSearch: 'formula' }), asked };
}

const failed = (code: 'NETWORK' | 'ABORTED'): ProviderError =>
  new ProviderError({ code, retryable: false, message: 'x' }, { provider: 'kimi', model: '', cause: undefined });

describe('the search of a Formula', () => {
  it('asks for its functions once, and again after it failed to', async () => {
    const { search, asked } = searchOver([failed('NETWORK'), TOOLS]);
    await expect(search.toolsFor(SEARCHING, model)).rejects.toMatchObject({ code: 'NETWORK' });
    const [first, second] = [await search.toolsFor(SEARCHING, model), await search.toolsFor(SEARCHING, model)];
    expect(asked).toHaveLength(2);
    expect(first?.tools).toEqual([
      { name: 'find', description: 'd', parameters: {} },
      { name: 'open', parameters: {} },
    ]);
    expect(second?.handles('open')).toBe(true);
    expect(second?.handles('other')).toBe(false);
  });

  it.each<[string, unknown, string]>([
    ['a text', { context: { output: 'found' } }, 'found'],
    ['a sealed text', { context: { encrypted_output: '----' } }, '----'],
    ['a value', { output: { n: 1 } }, '{"n":1}'],
    ['why it failed', { context: { error: 'busy' } }, 'Error: busy'],
    ['an empty text', { context: { output: '' } }, 'Error: the search gave no result'],
    ['nothing', {}, 'Error: the search gave no result'],
    ['that the request failed', failed('NETWORK'), 'Error: NETWORK'],
  ])('tells the model %s', async (_, fiber, content) => {
    const { search } = searchOver([TOOLS, fiber]);
    const tools = await search.toolsFor(SEARCHING, model);
    expect(await tools?.run(CALL, new AbortController().signal)).toEqual({ content });
  });

  it('sends arguments as they came, else as JSON', async () => {
    const { search, asked } = searchOver([TOOLS, {}, {}]);
    const tools = await search.toolsFor(SEARCHING, model);
    await tools?.run({ ...CALL, raw: '{ "query": "q" }' }, new AbortController().signal);
    await tools?.run(CALL, new AbortController().signal);
    expect(asked.slice(1).map(({ json }) => json)).toEqual([
      { name: 'find', arguments: '{ "query": "q" }' },
      { name: 'find', arguments: '{"query":"q"}' },
    ]);
  });

  it('ends with the call that is aborted', async () => {
    const { search } = searchOver([TOOLS, failed('ABORTED')]);
    const tools = await search.toolsFor(SEARCHING, model);
    await expect(tools?.run(CALL, new AbortController().signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('is not there for a request that does not search', async () => {
    const { search, asked } = searchOver([]);
    expect(await search.toolsFor({ messages: [] }, model)).toBeUndefined();
    expect(asked).toEqual([]);
  });
});
