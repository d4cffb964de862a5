import { describe, expect, it } from 'vitest';

import { createGLM, createKimi, type GLMProvider, type KimiProvider } from '../../src/index.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/index.ts';
import { startSimulator } from './start-simulator.ts';

async function start(
  options: SimulatorOptions = {},
): Promise<{ simulator: Simulator; glm: GLMProvider; kimi: KimiProvider }> {
  const simulator = await startSimulator(options);
  return {
    simulator,
    glm: createGLM({ baseURL: simulator.glm.baseURL, apiKey: 'id.secret' }),
    kimi: createKimi({ baseURL: simulator.kimi.baseURL, apiKey: 'sk-test' }),
  };
}

const messages = [{ role: 'user' as const, content: 'Why is the sky blue?' }];
const tools = [
  {
    name: 'read',
    description: 'Reads a file',
    parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  },
];

describe('the real adapters against the simulator', () => {
  it.each(['glm', 'kimi'] as const)('%s: text, reasoning and usage arrive', async (provider) => {
    const started = await start();
    const model = started[provider].chat(provider === 'glm' ? 'glm-4.6' : 'kimi-k2.6');
    const result = await model.generate({ messages, thinking: true });
    expect(result.text).toMatch(/Why is the sky blue\?.*simulator/);
    expect(result.reasoning).toContain('simulator');
    expect(result.usage.reasoningTokens).toBeGreaterThan(0);
    expect(result.finishReason).toBe('stop');
  });

  it.each(['glm', 'kimi'] as const)(
    '%s: a tool loop with reasoning passes what the provider checks',
    async (provider) => {
      const { simulator, ...providers } = await start({
        persona: (call) =>
          call.messages.at(-1)?.role === 'tool'
            ? { text: `read ${call.messages.at(-1)?.text}` }
            : { reasoning: 'hm', toolCalls: [{ name: 'read', arguments: { path: 'a' } }] },
      });
      const model = providers[provider].chat(provider === 'glm' ? 'glm-4.6' : 'kimi-k2.6');
      const first = await model.generate({ messages, tools, thinking: true });
      expect(first.finishReason).toBe('tool-calls');
      const [call] = first.toolCalls;
      const second = await model.generate({
        tools,
        thinking: true,
        messages: [
          ...messages,
          { role: 'assistant', content: first.text, reasoning: first.reasoning, toolCalls: first.toolCalls },
          { role: 'tool', toolCallId: call!.id, name: 'read', content: 'blue' },
        ],
      });
      expect(second.text).toBe('read blue');
      expect(simulator.log.summary()).toMatchObject({ calls: 2, answered: 2 });
    },
  );

  it('GLM: signed tokens, token count, web search, plan windows and files', async () => {
    const { simulator, glm } = await start({ keys: ['id.secret'] });
    const signed = createGLM({ baseURL: simulator.glm.baseURL, apiKey: 'id.secret', auth: 'jwt' });
    expect((await signed.chat('glm-4.6').generate({ messages })).finishReason).toBe('stop');
    expect(await glm.countTokens('glm-4.6', { messages })).toBe(5);
    expect((await glm.search({ query: 'sky' }))[0]).toMatchObject({ ref: 'ref_1' });
    expect((await glm.quota()).map(({ type }) => type)).toEqual(['TOKENS_LIMIT', 'TIME_LIMIT']);
    const file = await glm.files.upload({ name: 'a.txt', data: 'blue sky' });
    expect(file).toMatchObject({ name: 'a.txt', bytes: 8, purpose: 'agent' });
    expect(await glm.files.content(file.id)).toBe('blue sky');
  });

  it('Kimi: models, balance, token count, files and what is found in them', async () => {
    const { kimi } = await start();
    expect((await kimi.models()).map(({ id }) => id)).toContain('kimi-k2.6');
    expect(await kimi.balance()).toEqual({ available: 49.58894, voucher: 46.58893, cash: 3.00001 });
    expect(await kimi.countTokens('kimi-k2.6', { messages })).toBe(5);
    const file = await kimi.files.upload({ name: 'a.txt', data: 'blue sky' });
    expect(await kimi.files.extract(file.id)).toBe('blue sky');
    expect((await kimi.files.list()).map(({ id }) => id)).toEqual([file.id]);
    await kimi.files.delete(file.id);
    expect(await kimi.files.list()).toEqual([]);
    await expect(kimi.files.content(file.id)).rejects.toMatchObject({ status: 404 });
    await expect(kimi.files.upload({ name: 'a', data: 'x', purpose: 'nonsense' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  it.each([
    ['$web_search without thinking', false, 2],
    ['a Formula while thinking', true, 2],
  ])('Kimi: searches by %s', async (_, thinking, calls) => {
    const { simulator, kimi } = await start();
    const result = await kimi.chat('kimi-k2.6').generate({ messages, thinking, webSearch: true });
    expect(result.text).toContain('I read 1 tool result.');
    expect(simulator.log.summary()).toMatchObject({ calls, answered: calls });
    expect(simulator.log.calls.every(({ webSearch }) => webSearch)).toBe(true);
  });

  it('GLM: the sources of a web search arrive', async () => {
    const { glm } = await start();
    const result = await glm.chat('glm-4.6').generate({ messages, webSearch: true });
    expect(result.sources.map(({ ref }) => ref)).toEqual(['ref_1', 'ref_2']);
  });

  it('keeps within a limit that the gate holds, and sees every cancel', async () => {
    const { simulator, kimi } = await start({ limits: { kimi: 4 } });
    const model = kimi.chat('kimi-k2.6');
    const simulate = { serviceMs: 400 };
    await Promise.all(Array.from({ length: 4 }, () => model.generate({ messages, extra: { simulate } })));
    expect(simulator.log.peak).toEqual({ glm: 0, kimi: 4, total: 4 });
    const controller = new AbortController();
    const running = model.generate(
      { messages, extra: { simulate: { serviceMs: 60_000 } } },
      { signal: controller.signal },
    );
    await expect.poll(() => simulator.log.inFlight.kimi).toBe(1);
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    await expect.poll(() => simulator.log.cancelsSeen).toBe(1);
  });
});
