/** A workflow of your own in three steps, look, look again, report, that ends because the evidence suffices. Simulated Kimi. */
import { readFile } from 'node:fs/promises';

import { createKimi } from '@exai/providers';
import { createSimulator, type SimulatedCall } from '@exai/providers/simulator';
import { createEngine, defineWorkflow, evidenceTool, workflowInput } from '@exai/workflow';
import { z } from 'zod';

const show = evidenceTool({
  name: 'show',
  description: 'Shows one line of a file',
  parameters: z.object({ path: z.string(), line: z.int().min(1) }),
  execute: async ({ path, line }) => {
    const lines = (await readFile(new URL(path, import.meta.url), 'utf8')).split('\n');
    return { content: lines[line - 1] ?? '', source: `${path}:${line}` };
  },
});

const review = defineWorkflow({
  name: 'review',
  version: 1,
  description: 'Reviews one file',
  kind: 'workflow',
  input: workflowInput({ path: z.string() }),
  systemPrompt: () => 'Find one defect. Cite file:line.',
  prompt: ({ path }) => `Review ${path}`,
  requirements: () => [
    { id: 'defect', description: 'where it goes wrong' },
    { id: 'fix', description: 'what to change' },
  ],
  tools: [show],
});

await using simulator = await createSimulator({ latency: 'instant', persona: reviewer });
const kimi = createKimi({ apiKey: 'any', baseURL: simulator.kimi.baseURL });
const engine = createEngine({ model: kimi.chat('kimi-k2.6') });
const run = engine.start(review, { prompt: 'Is the total right?', path: 'cart.txt' });
for await (const event of run) {
  if (event.type === 'evidence')
    console.log(`step ${event.step}: saw ${event.items.map(({ source }) => source).join(', ')}`);
  if (event.type === 'decision') console.log(`step ${event.step}: ${event.action}`);
}
const { stop, coverage, text } = await run.result;
console.log(
  `stop: ${stop.kind}, ${stop.kind === 'complete' && stop.verified ? `verified, ${stop.grade}` : 'not verified'}`,
);
console.log(`backed by evidence: ${coverage.met.join(', ')}`);
console.log(text);
await engine.close();

/** What the simulated model does in each of its turns. */
function reviewer({ messages, tools }: SimulatedCall) {
  const seen = messages.filter(({ role }) => role === 'tool').map(({ text }) => text);
  if (tools.length === 0) return { text: 'cart.txt:2 multiplies where it must add.' };
  if (seen.length < 2) return { toolCalls: [{ name: 'show', arguments: { path: 'cart.txt', line: seen.length + 1 } }] };
  const citations = [
    { requirement: 'defect', source: 'cart.txt:2', quote: 'total * price' },
    { requirement: 'fix', source: 'cart.txt:1' },
  ];
  const findings = 'The total is multiplied by each price instead of being added to.';
  const claim = { findings, confidence: 'very_high', next_step_required: false, citations };
  return { toolCalls: [{ name: 'report_step', arguments: claim }] };
}
