import { BenchClient, type Ended } from './bench-client.ts';
import { type Child, startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median, quantile } from './statistics.ts';

const HOLD_MS = 40;

function chat(provider: 'glm' | 'kimi', serviceMs = HOLD_MS): Record<string, unknown> {
  return { prompt: 'hello', provider, simulate: { serviceMs } };
}

/** Waits of a light session, of another provider's calls and of a newcomer, beside sessions with long queues. */
export async function fairness(full: boolean): Promise<Bar[]> {
  const rounds = full ? 5 : 3;
  const probes = full ? 60 : 20;
  const alone: number[] = [];
  const beside: number[] = [];
  const other: number[] = [];
  let lag = 0;
  for (let round = 0; round < rounds; round += 1) {
    alone.push(...(await lightBesideHog(2, probes)).light);
    const loaded = await lightBesideHog(60, probes);
    beside.push(...loaded.light);
    other.push(...loaded.other);
    lag = Math.max(lag, loaded.lagP99Ms);
  }
  const door = await doorBars(full);
  const p95 = (values: readonly number[]): number => quantile(values, 0.95);
  return [
    {
      name: 'light-vs-hog-queued-ratio',
      value: p95(beside) / p95(alone),
      op: '<=',
      limit: 1.2,
      note: `p95 ${p95(beside).toFixed(1)} ms beside 60 queued calls, ${p95(alone).toFixed(1)} ms beside 2 in flight; n ${beside.length}`,
    },
    {
      name: 'other-provider-queued-ms',
      value: p95(other),
      op: '<=',
      limit: 5,
      note: `p95 of ${other.length}; median ${median(other).toFixed(2)}`,
    },
    ...door,
    { name: 'event-loop-lag-p99-ms', value: lag, op: '<=', limit: 50, note: 'worst round, sampled in the server' },
  ];
}

/** A hog keeps `depth` GLM calls unfinished; a light session makes one GLM call after the other, another one Kimi calls. */
async function lightBesideHog(
  depth: number,
  probes: number,
): Promise<{ light: number[]; other: number[]; lagP99Ms: number }> {
  const server = await startChild('bench-server.ts', { sessionMaxQueued: 1000 });
  const [hog, light, kimi] = await Promise.all([0, 1, 2].map(() => BenchClient.open(server.url)));
  const stop = keepBusy(hog!, depth, () => hog!.call('chat', chat('glm')));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await server.ask('lag-reset');
  const waits = async (client: BenchClient, provider: 'glm' | 'kimi'): Promise<number[]> => {
    const queued: number[] = [];
    for (let n = 0; n < probes; n += 1) queued.push((await client.call('chat', chat(provider))).queuedMs);
    return queued;
  };
  const [ofLight, ofOther] = await Promise.all([waits(light!, 'glm'), waits(kimi!, 'kimi')]);
  const { lagP99Ms } = await server.ask();
  stop();
  await server.stop();
  return { light: ofLight, other: ofOther, lagP99Ms };
}

/** Three sessions with 50 queued 12-step GLM runs each; a fourth one's Kimi and GLM chats, by door and permit wait. */
async function doorBars(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', { sessionMaxQueued: 1000, glmMaxInFlight: 2 });
  const hogs = await Promise.all([0, 1, 2].map(() => BenchClient.open(server.url)));
  for (const hog of hogs) {
    for (let n = 0; n < 50; n += 1) void hog.call('twelve', { provider: 'glm', stepMs: HOLD_MS });
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const fourth = await BenchClient.open(server.url);
  const [kimi, glm]: [number[], number[]] = [[], []];
  for (let n = 0; n < (full ? 40 : 12); n += 1) {
    kimi.push((await fourth.call('chat', chat('kimi'))).queuedMs);
    glm.push((await fourth.call('chat', chat('glm'))).queuedMs);
  }
  await server.stop();
  const sessions = 4;
  const boundMs = (Math.ceil(sessions / 2) + 1) * HOLD_MS * 3;
  return [
    {
      name: 'door-other-provider-ms',
      value: quantile(kimi, 0.95),
      op: '<=',
      limit: 5,
      note: `p95 of ${kimi.length}; its GLM chat waits p95 ${quantile(glm, 0.95).toFixed(0)} ms (bound about ${boundMs} ms)`,
    },
  ];
}

/** One upstream call hangs: what the other provider's calls notice of it. */
export async function hung(full: boolean): Promise<Bar[]> {
  const rounds = 5;
  const [healthy, broken]: [number[], number[]] = [[], []];
  const same: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    healthy.push((await besideHung(false, full)).other);
    const beside = await besideHung(true, full);
    broken.push(beside.other);
    same.push(beside.same);
  }
  return [
    {
      name: 'hung-other-provider-ratio',
      value: median(broken) / median(healthy),
      op: '<=',
      limit: 1.2,
      note: `Kimi p95 ${median(broken).toFixed(1)} ms beside a hung GLM call, ${median(healthy).toFixed(1)} ms without; GLM p95 ${median(same).toFixed(0)} ms at capacity - 1`,
    },
  ];
}

async function besideHung(isHung: boolean, full: boolean): Promise<{ other: number; same: number }> {
  const server: Child = await startChild('bench-server.ts');
  const clients = await Promise.all([0, 1, 2].map(() => BenchClient.open(server.url)));
  if (isHung) void clients[0]!.call('chat', chat('glm', 600_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const run = async (client: BenchClient, provider: 'glm' | 'kimi'): Promise<number[]> => {
    const took: number[] = [];
    for (let n = 0; n < (full ? 60 : 20); n += 1) took.push((await client.call('chat', chat(provider))).tookMs);
    return took;
  };
  const [kimi, glm] = await Promise.all([run(clients[1]!, 'kimi'), run(clients[2]!, 'glm')]);
  await server.stop();
  return { other: quantile(kimi, 0.95), same: quantile(glm, 0.95) };
}

function keepBusy(client: BenchClient, depth: number, call: () => Promise<Ended>): () => void {
  let on = true;
  const again = (): void => {
    if (on && client.ws.readyState === 1) void call().then(again);
  };
  for (let n = 0; n < depth; n += 1) again();
  return () => {
    on = false;
  };
}
