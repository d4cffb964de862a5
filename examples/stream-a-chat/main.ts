/** Streams an answer of GLM, then lets Kimi step in when GLM is out of money. Simulated: no key, no cost. */
import { createGLM, createKimi, fallback } from '@exai/providers';
import { createSimulator } from '@exai/providers/simulator';

await using simulator = await createSimulator({ timeScale: 0.01 });
// With real accounts: createGLM() and createKimi(); the keys come from ZAI_API_KEY and MOONSHOT_API_KEY.
const glm = createGLM({ apiKey: 'any', baseURL: simulator.glm.baseURL }).chat('glm-4.6');
const kimi = createKimi({ apiKey: 'any', baseURL: simulator.kimi.baseURL }).chat('kimi-k2.6');
const request = { messages: [{ role: 'user' as const, content: 'Why is the sky blue?' }], thinking: true };

const stream = glm.stream(request, { signal: AbortSignal.timeout(60_000) });
let thoughts = 0;
for await (const event of stream) {
  if (event.type === 'reasoning') thoughts += 1;
  if (event.type === 'text') process.stdout.write(event.delta);
}
const { usage, finishReason } = await stream.final();
console.log(`\nfirst thought in ${thoughts} pieces, ${usage.outputTokens} tokens out, ended by "${finishReason}"`);

simulator.script('glm', 'error:1113'); // The account is empty.
const result = await fallback([glm, kimi]).generate(request);
console.log(`answered by ${result.model} after ${result.attempts} attempts`);

const failure: unknown = await glm
  .generate(request, { retries: 0, deadlineAt: Date.now() - 1 })
  .catch((e: unknown) => e);
console.log(`too late: ${String(failure)}`);
