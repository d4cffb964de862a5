/** The Vercel AI SDK with GLM and Kimi: an agent with a tool, and a limit on calls in flight that the SDK does not have. */
import { createKimi } from '@exai/providers';
import { asLanguageModel } from '@exai/providers/ai-sdk';
import { createSimulator } from '@exai/providers/simulator';
import { TieredSemaphore } from '@exai/semaphore';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

await using simulator = await createSimulator({ timeScale: 0.01, persona: weatherAgent });
const gate = new TieredSemaphore({ global: 2, session: 2, providers: { kimi: 2 } });
const kimi = createKimi({ apiKey: 'any', baseURL: simulator.kimi.baseURL, gate });
const model = asLanguageModel(kimi.chat('kimi-k2.6'));

const weather = tool({
  description: 'Tells the temperature in a city',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => Promise.resolve({ city, celsius: 21 }),
});
const { text, steps } = await generateText({
  model,
  tools: { weather },
  stopWhen: stepCountIs(5),
  prompt: 'How warm is it in Lisbon?',
});
console.log(`agent: ${text} (${steps.length} steps)`);

// Ten streams at once; the provider never sees more than two.
const streams = Array.from({ length: 10 }, () => streamText({ model, prompt: 'Say hello' }).text);
const answers = await Promise.all(streams);
console.log(`streams: ${answers.length} answered, at most ${simulator.log.peak.kimi} in flight`);
await gate.close();

/** What the simulated model does: it asks the tool once, then answers with what it was told. */
function weatherAgent({
  messages,
  tools,
}: {
  messages: readonly { role: string; text: string }[];
  tools: readonly unknown[];
}) {
  const told = messages.find(({ role }) => role === 'tool');
  if (told !== undefined) return { text: `It has ${/"celsius":(\d+)/.exec(told.text)?.[1]} degrees.` };
  return tools.length > 0 ? { toolCalls: [{ name: 'weather', arguments: { city: 'Lisbon' } }] } : { text: 'Hello!' };
}
