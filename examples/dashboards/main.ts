/** Leaks a permit in a running server and reads what the semaphore dashboard shows of it, before, during and after. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { createServer } from '@exai/server';
import { connect } from '@exai/server/client';

const DASHBOARD = new URL('../dashboards/exai-semaphore.json', import.meta.resolve('@exai/metrics'));

const ADMIN = 'an-admin-token-of-this-example';
const server = await (
  await createServer({ port: 0, store: 'memory', audit: false, simTimeScale: 0.04, faults: true, adminToken: ADMIN })
).listen();
const agent = await connect(server.wsUrl);
await agent.call('chat', { prompt: 'Warm up' });

const panels: { title: string; targets?: { expr: string }[] }[] = JSON.parse(await readFile(DASHBOARD, 'utf8')).panels;
const families = new Set(
  panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => expr.match(/mcp_\w+/g) ?? [])),
);
const page = await server.metrics.render();
const missing = [...families].filter((name) => !page.includes(name));
console.log(`dashboard: ${panels.length} panels, ${families.size} names, ${missing.length} of them not on /metrics`);

console.log(`healthy:   ${await reading()}`);
// Breaks the server as a forgotten release would: a permit is taken, and nothing can give it back.
await fetch(`${server.url}/admin/faults`, {
  method: 'POST',
  headers: { authorization: `Bearer ${ADMIN}` },
  body: JSON.stringify({ kind: 'leak', provider: 'glm', count: 1 }),
});
while ((await value('mcp_semaphore_leaks_detected_total')) === 0) await sleep(20);
console.log(`leaked:    ${await reading()}`);
while ((await value('mcp_semaphore_in_use')) > 0) await sleep(20);
console.log(`recovered: ${await reading()}`);
await agent.close();
await server.close({ graceMs: 1000 });

async function reading(): Promise<string> {
  const [current, expected] = [await value('mcp_semaphore_current_value'), await value('mcp_semaphore_expected_value')];
  const leaks = await value('mcp_semaphore_leaks_detected_total');
  return `current ${current}, expected ${expected}, leaks seen ${leaks}`;
}

/** The value of the global tier, as Prometheus would scrape it. */
async function value(family: string): Promise<number> {
  const page = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${family}{semaphore_type="global".*?} (\\S+)$`, 'm').exec(page)?.[1]);
}
