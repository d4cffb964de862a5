import { describe, expect, it } from 'vitest';

import { chat, errorOf, events, joined, MODELS, type Provider, PROVIDERS, startSimulator } from './start-simulator.ts';

const user = { role: 'user', content: 'Read a.' };
const asked = {
  role: 'assistant',
  tool_calls: [{ id: 'functions.read:0', type: 'function', function: { name: 'read', arguments: '{}' } }],
};
const result = { role: 'tool', tool_call_id: 'functions.read:0', content: 'text' };
const tool = (name: string, parameters: unknown = { type: 'object' }) => ({
  type: 'function',
  function: { name, parameters },
});
const search = { type: 'builtin_function', function: { name: '$web_search' } };
const on = { thinking: { type: 'enabled' } };
const off = { thinking: { type: 'disabled' } };

type Refusal = readonly [name: string, provider: Provider, body: object, error: string, message: string];
const REFUSED: readonly Refusal[] = [
  ['a model it does not know', 'glm', { model: 'gpt-5' }, '1211', 'Unknown model'],
  ['no messages', 'glm', { messages: [] }, '1214', 'must not be empty'],
  ['a history without a user', 'glm', { messages: [{ role: 'system', content: 'x' }] }, '1214', 'user message'],
  ['empty content', 'glm', { messages: [{ role: 'user', content: '' }] }, '1214', 'content of message 0 is empty'],
  ['a temperature above 1', 'glm', { temperature: 1.2 }, '1210', 'temperature'],
  ['a top_p of 0', 'glm', { top_p: 0 }, '1210', 'top_p'],
  ['too large an answer', 'glm', { max_tokens: 200_000 }, '1210', 'max_tokens'],
  ['a forced tool', 'glm', { tools: [tool('read')], tool_choice: 'required' }, '1210', 'auto only'],
  ['a JSON schema', 'glm', { response_format: { type: 'json_schema' } }, '1210', 'json_object only'],
  ['a short request id', 'glm', { request_id: 'abc' }, '1210', 'request_id'],
  [
    'a prompt beyond the window',
    'glm',
    { messages: [{ role: 'user', content: 'x'.repeat(600_000) }] },
    '1261',
    'max length',
  ],
  ['a model it does not know', 'kimi', { model: 'gpt-5' }, 'resource_not_found_error', 'gpt-5'],
  ['no messages', 'kimi', { messages: [] }, 'invalid_request_error', 'must not be empty'],
  [
    'empty content',
    'kimi',
    { messages: [{ role: 'user', content: '' }] },
    'invalid_request_error',
    'text content is empty',
  ],
  ['a temperature while thinking', 'kimi', { ...on, temperature: 0.5 }, 'invalid_request_error', 'only 1 is allowed'],
  [
    'a temperature without thinking',
    'kimi',
    { ...off, temperature: 1 },
    'invalid_request_error',
    'only 0.6 is allowed',
  ],
  ['six stops', 'kimi', { stop: ['a', 'b', 'c', 'd', 'e', 'f'] }, 'invalid_request_error', 'stop'],
  [
    'lost reasoning',
    'kimi',
    { ...on, messages: [user, asked, result] },
    'invalid_request_error',
    'reasoning_content is missing in assistant tool call message at index 1',
  ],
  [
    'a changed call id',
    'kimi',
    { ...off, messages: [user, asked, { ...result, tool_call_id: 'functions_read_0' }] },
    'invalid_request_error',
    'tool_call_id functions_read_0 is not found',
  ],
  [
    'a forced tool while thinking',
    'kimi',
    { ...on, tools: [tool('read')], tool_choice: 'required' },
    'invalid_request_error',
    "'required' is incompatible with thinking",
  ],
  [
    'a named tool on K3',
    'kimi',
    { model: 'kimi-k3', tools: [tool('read')], tool_choice: { type: 'function', function: { name: 'read' } } },
    'invalid_request_error',
    "'specified' is incompatible",
  ],
  ['$web_search while thinking', 'kimi', { ...on, tools: [search] }, 'invalid_request_error', '$web_search'],
  ['a bad function name', 'kimi', { tools: [tool('1st')] }, 'invalid_request_error', 'function name is invalid'],
  [
    'a boolean schema',
    'kimi',
    { tools: [tool('read', { type: 'object', properties: { a: true } })] },
    'invalid_request_error',
    'tools.read.parameters.properties.a',
  ],
  [
    'a branch without a type',
    'kimi',
    { tools: [tool('read', { type: 'object', properties: { a: { anyOf: [{ minimum: 1 }] } } })] },
    'invalid_request_error',
    'anyOf.0: type is required',
  ],
  [
    'a prompt beyond the window',
    'kimi',
    { model: 'moonshot-v1-8k', messages: [{ role: 'user', content: 'x'.repeat(40_000) }] },
    'invalid_request_error',
    'exceeded model token limit: 8192',
  ],
];

describe('requests that the real provider refuses', () => {
  it.each(REFUSED)('%s, sent to %s', async (_, provider, body, name, message) => {
    const simulator = await startSimulator();
    const error = await errorOf(await chat(simulator, provider, { body }));
    expect(error.name).toBe(name);
    expect(error.message).toContain(message);
    expect(error.status).toBe(name === 'resource_not_found_error' ? 404 : 400);
    expect(simulator.log.calls[0]).toMatchObject({ outcome: 'failed', error: name, status: error.status });
  });

  it.each([
    ['glm', { temperature: 1, top_p: 0.01, tools: [tool('read')], tool_choice: 'auto', request_id: 'abcdef' }],
    ['kimi', { ...on, temperature: 1, messages: [user, { ...asked, reasoning_content: '' }, result] }],
    ['kimi', { ...off, temperature: 0.6, tools: [search, tool('read')] }],
    ['kimi', { model: 'kimi-k3', tools: [tool('read')], tool_choice: 'required' }],
    ['kimi', { model: 'moonshot-v1-8k', temperature: 0.3 }],
  ] as const)('are told from good ones: %s %j', async (provider, body) => {
    const simulator = await startSimulator();
    const response = await chat(simulator, provider, { body });
    expect(await response.text()).toContain('choices');
    expect(response.status).toBe(200);
  });

  it('are answered when validation is off', async () => {
    const simulator = await startSimulator({ validate: false });
    expect((await chat(simulator, 'glm', { body: { temperature: 9 } })).status).toBe(200);
  });

  it.each(PROVIDERS)('bodies that are no JSON, sent to %s', async (provider) => {
    const simulator = await startSimulator();
    const response = await fetch(`${simulator[provider].baseURL}/chat/completions`, {
      method: 'POST',
      body: '{"model"',
    });
    expect((await errorOf(response)).message).toContain('not valid JSON');
  });
});

describe('keys', () => {
  const sign = async (key: string, expiresAt: number): Promise<string> => {
    const { createHmac } = await import('node:crypto');
    const [id, secret = ''] = key.split('.');
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = `${part({ alg: 'HS256', sign_type: 'SIGN' })}.${part({ api_key: id, exp: expiresAt, timestamp: Date.now() })}`;
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
  };

  it.each([
    ['glm', '', '1001'],
    ['glm', 'Bearer wrong.key', '1002'],
    ['kimi', '', 'invalid_authentication_error'],
    ['kimi', 'Bearer wrong.key', 'invalid_authentication_error'],
  ] as const)('are refused by %s: %j', async (provider, key, name) => {
    const simulator = await startSimulator({ keys: ['id.secret'] });
    expect(await errorOf(await chat(simulator, provider, { key }))).toMatchObject({ status: 401, name });
    expect((await chat(simulator, provider, { key: 'Bearer id.secret' })).status).toBe(200);
  });

  it('may be signed tokens for GLM, whose times are in milliseconds', async () => {
    const simulator = await startSimulator({ keys: ['id.secret'] });
    const answer = async (token: string): Promise<string | number> => {
      const response = await chat(simulator, 'glm', { key: `Bearer ${token}` });
      return response.status === 200 ? 200 : (await errorOf(response)).name;
    };
    expect(await answer(await sign('id.secret', Date.now() + 60_000))).toBe(200);
    expect(await answer(await sign('id.secret', Date.now() - 1))).toBe('1003');
    expect(await answer(await sign('id.secret', Math.floor(Date.now() / 1000) + 60))).toBe('1003');
    expect(await answer(await sign('id.forged', Date.now() + 60_000))).toBe('1002');
    expect(await answer('a.b.c')).toBe('1003');
  });

  it('never appear in the log, where accounts have numbers', async () => {
    const simulator = await startSimulator({ recordRequests: true });
    await (await chat(simulator, 'glm', { key: 'Bearer s3cr3t.one' })).text();
    await (await chat(simulator, 'glm', { key: `Bearer ${await sign('s3cr3t.one', Date.now() + 9999)}` })).text();
    await (await chat(simulator, 'kimi', { key: 'Bearer s3cr3t.two' })).text();
    expect(simulator.log.calls.map(({ account }) => account)).toEqual(['glm-1', 'glm-1', 'kimi-2']);
    expect(JSON.stringify(simulator.log.calls)).not.toContain('s3cr3t');
  });
});

describe('limits of an account', () => {
  it('hold for each key apart', async () => {
    const simulator = await startSimulator({ limits: { kimi: 1 } });
    const body = { simulate: { serviceMs: 400 } };
    const statuses = await Promise.all(
      ['Bearer a', 'Bearer a', 'Bearer b'].map(async (key) => {
        const response = await chat(simulator, 'kimi', { key, body });
        await response.text();
        return response.status;
      }),
    );
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    expect(simulator.log.peak.kimi).toBeGreaterThanOrEqual(2);
  });

  it('hold for each model apart where told so', async () => {
    const simulator = await startSimulator({ limits: { glm: { concurrency: 1, perModel: true } } });
    const simulate = { serviceMs: 400 };
    const calls = ['glm-4.6', 'glm-4.5-flash', 'glm-4.6'].map((model) =>
      chat(simulator, 'glm', { body: { model, simulate } }),
    );
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  });

  it.each([
    [{ requestsPerMinute: 2 }, 'max RPM: 2'],
    [{ tokensPerMinute: 2100 }, 'max TPM: 2100'],
    [{ tokensPerDay: 2100 }, 'max TPD: 2100'],
  ])('count requests and the tokens asked for: %j', async (kimi, message) => {
    const simulator = await startSimulator({ limits: { kimi } });
    const body = { max_completion_tokens: 1000 };
    for (let i = 0; i < 2; i += 1) expect((await chat(simulator, 'kimi', { body })).status).toBe(200);
    const error = await errorOf(await chat(simulator, 'kimi', { body }));
    expect(error).toMatchObject({ status: 429, name: 'rate_limit_reached_error' });
    expect(error.message).toContain(message);
  });

  it('let minutes pass in simulated time', async () => {
    const simulator = await startSimulator({ timeScale: 0.0005, limits: { kimi: { requestsPerMinute: 1 } } });
    expect((await chat(simulator, 'kimi')).status).toBe(200);
    await expect.poll(async () => (await chat(simulator, 'kimi')).status).toBe(200);
  });
});

describe('answers', () => {
  it.each(PROVIDERS)('are cut at the largest number of tokens by %s', async (provider) => {
    const simulator = await startSimulator();
    const limit = provider === 'glm' ? 'max_tokens' : 'max_completion_tokens';
    const body: any = await (await chat(simulator, provider, { body: { ...off, [limit]: 10 } })).json();
    expect(body.choices[0].finish_reason).toBe('length');
    expect(body.usage.completion_tokens).toBe(10);
    expect(body.choices[0].message.content).toMatch(/^You asked: "Why/);
  });

  it.each(PROVIDERS)('are equal for equal seeds and calls to %s, and ids differ for others', async (provider) => {
    const bodies = async (seed: number): Promise<any[]> => {
      const simulator = await startSimulator({ seed });
      const chunks = await events(await chat(simulator, provider, { body: { stream: true } }));
      return chunks.map((chunk) => ({ ...chunk, created: 0 }));
    };
    expect(await bodies(7)).toEqual(await bodies(7));
    expect((await bodies(7))[0].id).not.toBe((await bodies(8))[0].id);
  });

  it('report what was cached of the prompt from the second call on', async () => {
    const simulator = await startSimulator();
    const messages = [{ role: 'system', content: 'Be brief. '.repeat(100) }, user];
    const cached = async (more: object[]): Promise<number> => {
      const body: any = await (await chat(simulator, 'kimi', { body: { messages: [...messages, ...more] } })).json();
      return body.usage.cached_tokens;
    };
    expect(await cached([])).toBe(0);
    expect(await cached([{ role: 'assistant', content: 'a' }, user])).toBeGreaterThan(200);
  });

  it('fit the JSON schema asked for', async () => {
    const simulator = await startSimulator();
    const schema = {
      type: 'object',
      required: ['kind', 'count', 'tags', 'at'],
      properties: {
        kind: { enum: ['good', 'bad'] },
        count: { type: 'integer', minimum: 3 },
        tags: { type: 'array', minItems: 2, items: { type: 'string' } },
        at: { $ref: '#/$defs/at' },
      },
      $defs: { at: { type: ['null', 'object'], properties: { line: { type: 'number', maximum: 0.5 } } } },
    };
    const response_format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const body: any = await (await chat(simulator, 'kimi', { body: { response_format } })).json();
    const text = 'Why is the sky blue?';
    expect(JSON.parse(body.choices[0].message.content)).toEqual({
      kind: 'good',
      count: 3,
      tags: [text, text],
      at: { line: 0.5 },
    });
  });

  it('stream the arguments of a GLM tool call only where tool_stream asks for it', async () => {
    const persona = () => ({ toolCalls: [{ name: 'read', arguments: { path: 'a rather long path of a file' } }] });
    const simulator = await startSimulator({ persona });
    const deltas = async (tool_stream: boolean): Promise<number> => {
      const chunks = await events(await chat(simulator, 'glm', { body: { stream: true, tool_stream } }));
      return chunks.filter((chunk) => chunk.choices[0].delta.tool_calls !== undefined).length;
    };
    expect(await deltas(false)).toBe(1);
    expect(await deltas(true)).toBeGreaterThan(3);
  });

  it('bring the results of a GLM web search on a chunk of their own', async () => {
    const simulator = await startSimulator();
    const tools = [{ type: 'web_search', web_search: { enable: true, search_result: true } }];
    const chunks = await events(await chat(simulator, 'glm', { body: { stream: true, tools } }));
    const found = chunks.find((chunk) => chunk.web_search !== undefined);
    expect(found.web_search[0]).toMatchObject({ refer: 'ref_1', link: expect.stringContaining('example.com') });
    expect(joined(chunks, 'content')).toContain('[ref_1]');
  });

  it('ask for $web_search once, and answer when its arguments came back', async () => {
    const simulator = await startSimulator();
    const body = { ...off, tools: [search] };
    const first: any = await (await chat(simulator, 'kimi', { body })).json();
    const [call] = first.choices[0].message.tool_calls;
    expect(call).toMatchObject({ id: 'functions.$web_search:0', function: { name: '$web_search' } });
    expect(JSON.parse(call.function.arguments).search_result.search_id).toEqual(expect.any(String));
    const messages = [
      user,
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: call.id, name: '$web_search', content: call.function.arguments },
    ];
    const second: any = await (await chat(simulator, 'kimi', { body: { ...body, messages } })).json();
    expect(second.choices[0].finish_reason).toBe('stop');
    expect(second.choices[0].message.content).toContain('I read 1 tool result.');
  });

  it('keep the simulator alive when a persona throws', async () => {
    const simulator = await startSimulator({
      persona: ({ model }) => {
        if (model === 'glm-4.6') throw new Error('no idea');
        return { text: 'fine' };
      },
    });
    const failed = await chat(simulator, 'glm', { body: { model: 'glm-4.6' } });
    expect(await errorOf(failed)).toMatchObject({ status: 500, message: 'no idea' });
    expect((await chat(simulator, 'glm')).status).toBe(200);
    expect(simulator.log.inFlight.total).toBe(0);
  });
});

describe('options', () => {
  it.each([
    [{ timeScale: 0 }, 'timeScale must be a positive number, got 0'],
    [{ limits: { glm: 0 } }, 'limits.glm concurrency must be positive, got 0'],
    [{ faults: { hangShare: 2 } }, 'hangShare must be between 0 and 1, got 2'],
  ])('are refused: %j', async (options, message) => {
    await expect(startSimulator(options)).rejects.toThrow(message);
    await expect(startSimulator(options)).rejects.toThrow(RangeError);
  });

  it('end at once on close, whatever runs', async () => {
    const simulator = await startSimulator();
    const running = chat(simulator, 'kimi', { body: { simulate: { serviceMs: 60_000 } } });
    await expect.poll(() => simulator.log.inFlight.kimi).toBe(1);
    await simulator.close();
    await expect(running).rejects.toThrow();
    expect(MODELS.kimi).toBe('kimi-k2.6');
  });
});
