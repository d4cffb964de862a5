import { BenchClient } from './bench-client.ts';
import { startChild } from './child.ts';
import type { Bar } from './server.bench.ts';

const STEPS = 12;
const STEP_MS = 20;
const LIMIT = 4;
const SESSIONS = 8;

/**
 * Runs of twelve steps arrive at twice what the provider can do, each with a deadline of four times its length. Counted is the
 * work of runs that ended in time, against what the permits could have done.
 */
export async function goodput(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', {
    globalMaxInFlight: LIMIT,
    glmMaxInFlight: LIMIT,
    sessionMaxInFlight: LIMIT,
    sessionMaxQueued: 1000,
  });
  const runMs = STEPS * STEP_MS;
  const clients = await Promise.all(Array.from({ length: SESSIONS }, () => BenchClient.open(server.url)));
  const measured = await lengthOfOne(clients[0]!);
  const capacityPerSecond = (LIMIT / measured) * 1000;
  const seconds = full ? 40 : 8;
  const ends: Promise<{ ok: boolean; code?: string; at: number }>[] = [];
  const startedAt = performance.now();
  const gapMs = 1000 / (2 * capacityPerSecond);
  for (let n = 0; performance.now() - startedAt < seconds * 1000; n += 1) {
    const client = clients[n % SESSIONS]!;
    const ended = run(client, Math.round(measured * 4));
    ends.push(ended.then((end) => ({ ...end, at: performance.now() })));
    const due = startedAt + (n + 1) * gapMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
  }
  const all = await Promise.all(ends);
  const lastAt = Math.max(...all.filter(({ ok }) => ok).map(({ at }) => at));
  const span = Math.max(seconds * 1000, lastAt - startedAt) / 1000;
  const good = all.filter(({ ok }) => ok).length;
  await server.stop();
  const refused = all.filter(({ code }) => code === 'OVER_CAPACITY').length;
  const note = `${good} of ${all.length} runs of ${STEPS} steps (${runMs} ms asked, ${measured.toFixed(0)} ms alone) in ${span.toFixed(1)} s; ${refused} refused early`;
  return [{ name: 'goodput-2x-pct', value: (100 * good) / (capacityPerSecond * span), op: '>=', limit: 90, note }];
}

function run(client: BenchClient, deadlineMs: number): Promise<{ ok: boolean; code?: string }> {
  return client.call('twelve', { provider: 'glm', stepMs: STEP_MS }, { deadlineMs });
}

/** Mean length of a run while as many run as there are permits. */
async function lengthOfOne(client: BenchClient): Promise<number> {
  const startedAt = performance.now();
  const rounds = 3;
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: LIMIT }, () => run(client, 600_000)));
  }
  return (performance.now() - startedAt) / rounds;
}
