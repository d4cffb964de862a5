/** Twelve calls of three agents share GLM and Kimi: no tier is ever exceeded, and no agent waits behind another's backlog. */
import { setTimeout as sleep } from 'node:timers/promises';

import { TieredSemaphore } from '@exai/semaphore';

const limits = new TieredSemaphore({ global: 3, session: 2, providers: { glm: 2, kimi: 2 } });
const starts: string[] = [];
let peak = 0;

async function call(session: string, provider: 'glm' | 'kimi'): Promise<void> {
  await limits.run({ provider, session, timeoutMs: 10_000 }, async () => {
    starts.push(session);
    peak = Math.max(peak, limits.stats().global.held);
    await sleep(20);
  });
}

// Ada asks for eight calls before the others come with two each.
const backlog = Array.from({ length: 8 }, (_, index) => call('ada', index % 2 === 0 ? 'glm' : 'kimi'));
const others = ['ben', 'cleo'].flatMap((name) => [call(name, 'glm'), call(name, 'kimi')]);
await Promise.all([...backlog, ...others]);

console.log(`calls started: ${starts.join(' ')}`);
console.log(`most at once: ${peak} of ${limits.tier('global').capacity}`);
console.log(`Ben and Cleo were done after ${starts.lastIndexOf('cleo') + 1} of ${starts.length} starts`);
console.log(`left over: ${limits.stats().global.held} held, ${limits.stats().global.waiting} waiting`);
await limits.close();
