import { describe, expect, it } from 'vitest';

import { chat, events, joined, PROVIDERS, startSimulator } from './start-simulator.ts';

describe.each(PROVIDERS)('chat as %s', (provider) => {
  it('streams reasoning and then a text that restates the question and says that it is a simulator', async () => {
    const simulator = await startSimulator();
    const response = await chat(simulator, provider, { body: { stream: true, thinking: { type: 'enabled' } } });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const chunks = await events(response);
    expect(joined(chunks, 'reasoning_content')).toContain('Why is the sky blue?');
    expect(joined(chunks, 'content')).toMatch(/Why is the sky blue\?.*simulator/);
    const kinds = chunks.map((c) =>
      c.choices[0]?.delta?.reasoning_content ? 'r' : c.choices[0]?.delta?.content ? 't' : '',
    );
    expect(kinds.join('')).toMatch(/^r+t+$/);
  });

  it('sends no reasoning when thinking is off', async () => {
    const simulator = await startSimulator();
    const chunks = await events(
      await chat(simulator, provider, { body: { stream: true, thinking: { type: 'disabled' } } }),
    );
    expect(joined(chunks, 'reasoning_content')).toBe('');
  });

  it('answers in one JSON body when not asked to stream', async () => {
    const simulator = await startSimulator();
    const body: any = await (await chat(simulator, provider)).json();
    expect(body.choices[0].message.content).toContain('simulator');
    expect(body.choices[0].finish_reason).toBe('stop');
    expect(body.usage.total_tokens).toBe(body.usage.prompt_tokens + body.usage.completion_tokens);
  });

  it('refuses calls beyond the limit of the account with the error of the provider', async () => {
    const simulator = await startSimulator({ limits: { [provider]: 1 } });
    const [first, second] = await Promise.all([
      chat(simulator, provider, { body: { simulate: { serviceMs: 400 } } }),
      chat(simulator, provider, { body: { simulate: { serviceMs: 400 } } }),
    ]);
    const refused = [first, second].find((response) => response?.status === 429);
    const { error }: any = await (refused as Response).json();
    if (provider === 'glm') expect(error.code).toBe('1302');
    else expect(error.type).toBe('rate_limit_reached_error');
    await Promise.all([first, second].filter((r) => r.status === 200).map((r) => r.text()));
    expect(simulator.log.refused).toBe(1);
    expect((await chat(simulator, provider)).status).toBe(200);
  });

  it('takes exactly the service time that the call asks for', async () => {
    const simulator = await startSimulator({ latency: 'realistic', timeScale: 50 });
    const from = performance.now();
    await (await chat(simulator, provider, { body: { stream: true, simulate: { serviceMs: 120 } } })).text();
    const took = performance.now() - from;
    expect(took).toBeGreaterThan(115);
    expect(took).toBeLessThan(1500);
  });

  it('answers as its persona says, tool calls included', async () => {
    const simulator = await startSimulator({
      persona: () => ({
        reasoning: 'Let me see.',
        text: 'Reading.',
        toolCalls: [{ name: 'read', arguments: { path: 'a' } }],
      }),
    });
    const body: any = await (await chat(simulator, provider, { body: { thinking: { type: 'enabled' } } })).json();
    const { message, finish_reason } = body.choices[0];
    expect(finish_reason).toBe('tool_calls');
    expect(message).toMatchObject({ reasoning_content: 'Let me see.', content: 'Reading.' });
    expect(message.tool_calls[0].function).toEqual({ name: 'read', arguments: '{"path":"a"}' });
    if (provider === 'kimi') expect(message.tool_calls[0].id).toBe('functions.read:0');
  });

  it('sees a client that goes away and stops counting its call', async () => {
    const simulator = await startSimulator();
    const client = new AbortController();
    const response = await chat(simulator, provider, {
      body: { stream: true, simulate: { serviceMs: 60_000 } },
      signal: client.signal,
    });
    expect(simulator.log.inFlight[provider]).toBe(1);
    client.abort();
    await expect(response.text()).rejects.toThrow();
    await expect.poll(() => simulator.log.inFlight.total).toBe(0);
    expect(simulator.log.cancelsSeen).toBe(1);
    expect(simulator.log.calls[0]).toMatchObject({ provider, outcome: 'cancelled', status: 200 });
  });
});

describe('the log', () => {
  it('counts the most calls at one time, by provider and in total', async () => {
    const simulator = await startSimulator();
    const slow = { simulate: { serviceMs: 400 } };
    const calls = [
      chat(simulator, 'glm', { body: slow }),
      chat(simulator, 'glm', { body: slow }),
      chat(simulator, 'kimi', { body: slow }),
    ];
    await Promise.all(calls.map(async (call) => (await call).text()));
    await (await chat(simulator, 'kimi')).text();
    const summary: any = await (await fetch(`${simulator.url}/__simulator`)).json();
    expect(summary).toMatchObject({ timeScale: 1, peak: { glm: 2, kimi: 1, total: 3 }, calls: 4 });
    const after: any = await (await fetch(`${simulator.url}/__simulator/reset`, { method: 'POST' })).json();
    expect(after).toMatchObject({ peak: { total: 0 }, calls: 0 });
  });
});
