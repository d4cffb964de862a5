// The checks of prove-ai7.mjs; run where `ai` 7 and the packed @exai/providers are installed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { createGLM, createKimi, ProviderError } from '@exai/providers';
import { asLanguageModel, asProvider } from '@exai/providers/ai-sdk';
import { createSimulator } from '@exai/providers/simulator';
import { createProviderRegistry, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const simulator = await createSimulator({ latency: 'instant', recordRequests: true });
const settings = { apiKey: 'any', retry: { baseMs: 1 } };
const PROVIDERS = {
  glm: { made: createGLM({ ...settings, baseURL: simulator.glm.baseURL }), id: 'glm-4.6' },
  kimi: { made: createKimi({ ...settings, baseURL: simulator.kimi.baseURL }), id: 'kimi-k2.6' },
};
const tools = {
  read: tool({
    description: 'reads a file',
    inputSchema: jsonSchema({ type: 'object', properties: { path: { type: 'string' } }, required: ['path'] }),
    execute: async ({ path }) => `content of ${path}`,
  }),
};
const warned = [];
process.on('warning', ({ message }) => warned.push(message));
for (const level of ['warn', 'info']) console[level] = (...args) => warned.push(args.join(' '));

const CHECKS = {
  'generateText gives text and usage': async ({ model }) => {
    const { text, usage } = await generateText({ model, prompt: 'hi' });
    assert.ok(text.length > 0 && usage.inputTokens > 0 && usage.outputTokens > 0);
  },
  'generateText runs a tool over two steps, ids byte for byte': async ({ model, name, requests }) => {
    simulator.script(name, 'tool-plain');
    const { steps, text } = await generateText({ model, prompt: 'read up.sh', tools, stopWhen: stepCountIs(2) });
    assert.equal(steps.length, 2);
    assert.ok(text.length > 0);
    const [, call, result] = requests().at(-1).messages;
    const id = name === 'kimi' ? 'functions.read:0' : 'call_0';
    assert.deepEqual(call.tool_calls, [
      { id, type: 'function', function: { name: 'read', arguments: '{"path": "up.sh"}' } },
    ]);
    assert.equal(result.tool_call_id, id);
    assert.equal(result.content, 'content of up.sh');
  },
  'streamText streams reasoning, tool and text in order': async ({ model, name }) => {
    simulator.script(name, 'reasoning-tool');
    const result = streamText({ model, prompt: 'read up.sh', tools, stopWhen: stepCountIs(2) });
    const kinds = [];
    for await (const { type } of result.fullStream) kinds.push(type);
    const order = ['reasoning-start', 'tool-call', 'tool-result', 'text-start', 'text-end', 'finish'];
    const first = order.map((kind) => kinds.indexOf(kind));
    assert.ok(
      first.every((at, n) => at >= 0 && at > (first[n - 1] ?? -1)),
      kinds.join(' '),
    );
    assert.equal(await result.finishReason, 'stop');
  },
  'maxRetries of the SDK does not multiply ours': async ({ model, name, requests }) => {
    const before = requests().length;
    simulator.script(name, 'html-502', { times: 3 });
    await assert.rejects(generateText({ model, prompt: 'hi', maxRetries: 2 }), (error) => ProviderError.is(error));
    assert.equal(requests().length - before, 3);
  },
  'abortSignal closes the connection': async ({ model, name }) => {
    const before = simulator.log.cancelsSeen;
    simulator.script(name, 'hang-mid-text');
    const controller = new AbortController();
    const { fullStream } = streamText({
      model,
      prompt: 'hi',
      abortSignal: controller.signal,
      onError: () => undefined,
    });
    for await (const { type } of fullStream) if (type === 'text-delta') controller.abort();
    for (let n = 0; n < 200 && simulator.log.cancelsSeen === before; n += 1)
      await new Promise((r) => setTimeout(r, 10));
    assert.ok(simulator.log.cancelsSeen > before);
  },
  'a cut answer is an error part': async ({ model, name }) => {
    const errors = [];
    simulator.script(name, 'eof-mid-text');
    await streamText({ model, prompt: 'hi', onError: ({ error }) => errors.push(error.code) }).consumeStream();
    assert.deepEqual(errors, ['TRUNCATED']);
  },
  'is found in a registry': async ({ made, name, id }) => {
    const registry = createProviderRegistry({ [name]: asProvider(made) });
    const { text } = await generateText({ model: registry.languageModel(`${name}:${id}`), prompt: 'hi' });
    assert.ok(text.length > 0);
  },
  'the SDK prints no warning': async () => assert.deepEqual(warned, []),
};

const versionOf = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
console.log(`node ${process.version}, ai ${versionOf('ai')}`);
let failed = 0;
for (const [name, { made, id }] of Object.entries(PROVIDERS)) {
  const model = asLanguageModel(made.chat(id));
  const requests = () => simulator.log.calls.filter((call) => call.provider === name).map(({ request }) => request);
  for (const [check, run] of Object.entries(CHECKS)) {
    try {
      await run({ model, made, name, id, requests });
      console.log(`pass  ${name}: ${check}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}: ${check}\n      ${String(error.message).replaceAll('\n', '\n      ')}`);
    }
  }
}
await simulator.close();
console.log(failed === 0 ? 'all checks passed' : `${failed} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
