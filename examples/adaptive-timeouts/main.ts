/** A hung call is noticed in seconds instead of minutes once the time-outs have seen how long healthy silences last. */
import { createKimi, ProviderError } from '@exai/providers';
import { createSimulator } from '@exai/providers/simulator';
import { AdaptiveTimeouts, type TimeoutKey } from '@exai/providers/timeouts';

/** A simulated second takes ten milliseconds, so that the example ends soon. */
const SCALE = 0.01;
const seconds = (ms: number): string => `${Math.round(ms / SCALE / 1000)} s`;

await using simulator = await createSimulator({ timeScale: SCALE });
const keys = new Map<string, TimeoutKey>();
const timeouts = new AdaptiveTimeouts({ timeScale: SCALE, onObserve: (key) => keys.set(key.model, key) });
const model = createKimi({ apiKey: 'any', baseURL: simulator.kimi.baseURL, timeouts }).chat('kimi-k2.6');
const ask = { messages: [{ role: 'user' as const, content: 'How long is a healthy silence?' }], thinking: true };

console.log(`at first, a silence may last ${seconds(timeouts.table.thinking)}: the table's entry for thinking`);
for (let round = 0; round < 8; round += 1) {
  const calls = Array.from({ length: 10 }, () => model.generate({ ...ask, extra: { simulate: { serviceMs: 150 } } }));
  await Promise.all(calls);
}
const key = keys.get('kimi-k2.6') ?? { provider: 'kimi', model: 'kimi-k2.6' };
const { text } = timeouts.explain(key);
console.log(`after ${text.samples} healthy calls: ${seconds(text.budgetMs)} while it writes (${text.source})`);

simulator.script('kimi', 'hang-mid-text');
const failure: unknown = await model.generate(ask, { retries: 0 }).catch((error: unknown) => error);
if (ProviderError.is(failure) && failure.timeout !== undefined) {
  const { phase, elapsedMs, source } = failure.timeout;
  console.log(`a call that falls silent half-way: ended in "${phase}" after ${seconds(elapsedMs)} (${source})`);
}
