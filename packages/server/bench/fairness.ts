import { BenchClient, type Ended } from './bench-client.ts';
import { startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median, quantile } from './statistics.ts';

const HOLD_MS = 30;
const ROUNDS = 3;

function chat(provider: 'glm' | 'kimi', serviceMs = HOLD_MS): Record<string, unknown> {
  return { prompt: 'hello', provider, simulate: { serviceMs } };
}

/** Waits of a light session, of another provider's calls and of a newcomer, beside sessions with long queues. */
export async function fairness(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', { sessionMaxQueued: 1000 });
  const idle = await startChild('bench-echo.ts');
  const probes = full ? 60 : 12;
  await lightBesideHog(server.url, 2, probes);
  const [beside2, beside60]: Waits[][] = [[], []];
  const lag: { ours: number; machine: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    beside2!.push(await lightBesideHog(server.url, 2, probes));
    await Promise.all([server.ask('lag-reset'), idle.ask('lag-reset')]);
    beside60!.push(await lightBesideHog(server.url, 60, probes));
    lag.push({ ours: (await server.ask()).lagP99Ms, machine: (await idle.ask()).lagP99Ms });
  }
  await Promise.all([server.stop(), idle.stop()]);
  const p95 = (rounds: readonly Waits[] | undefined, of: keyof Waits): number =>
    quantile(
      (rounds ?? []).flatMap((waits) => waits[of]),
      0.95,
    );
  const [loaded, alone] = [p95(beside60, 'light'), p95(beside2, 'light')];
  const others = beside60!.map(({ other }) => quantile(other, 0.95));
  return [
    {
      name: 'light-vs-hog-queued-ratio',
      value: loaded / alone,
      op: '<=',
      limit: 1.2,
      note: `p95 ${loaded.toFixed(1)} ms beside 60 queued calls, ${alone.toFixed(1)} ms beside 2 in flight; n ${ROUNDS * probes}`,
    },
    {
      name: 'other-provider-queued-ms',
      value: median(others),
      op: '<=',
      limit: 5,
      note: `median of ${ROUNDS} p95s: ${others.map((ms) => ms.toFixed(2)).join(' ')}`,
    },
    {
      name: 'event-loop-lag-p99-ms',
      value: median(lag.map(({ ours }) => ours)),
      op: '<=',
      limit: 50,
      note: `median of ${ROUNDS} rounds; server/idle process: ${lag.map(({ ours, machine }) => `${ours.toFixed(0)}/${machine.toFixed(0)}`).join(' ')}`,
    },
  ];
}

interface Waits {
  readonly light: number[];
  readonly other: number[];
}

/** A hog keeps `depth` GLM calls unfinished; a light session makes one GLM call after the other, another one Kimi calls. */
async function lightBesideHog(url: string, depth: number, probes: number): Promise<Waits> {
  const [hog, light, kimi] = await Promise.all([0, 1, 2].map(() => BenchClient.open(url)));
  const stop = keepBusy(hog!, depth, () => hog!.call('chat', chat('glm')));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const waits = async (client: BenchClient, provider: 'glm' | 'kimi'): Promise<number[]> => {
    const queued: number[] = [];
    for (let n = 0; n < probes; n += 1) queued.push((await client.call('chat', chat(provider))).queuedMs);
    return queued;
  };
  const [ofLight, ofOther] = await Promise.all([waits(light!, 'glm'), waits(kimi!, 'kimi')]);
  stop();
  await Promise.all([hog!, light!, kimi!].map((client) => client.close()));
  return { light: ofLight, other: ofOther };
}

/** Three sessions with 50 queued 12-step GLM runs each; a fourth one's Kimi and GLM chats, by door and permit wait. */
export async function door(full: boolean): Promise<Bar[]> {
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

/** One upstream call hangs: what the other provider's calls notice of it. Two servers, one of them with the hung call, in turn. */
export async function hung(full: boolean): Promise<Bar[]> {
  const [healthy, broken] = await Promise.all([startChild('bench-server.ts'), startChild('bench-server.ts')]);
  const hanging = await BenchClient.open(broken.url);
  void hanging.call('chat', chat('glm', 600_000));
  const [without, beside]: Took[][] = [[], []];
  const probes = full ? 60 : 12;
  for (const { url } of [healthy, broken]) await bothProviders(url, probes / 2);
  for (let round = 0; round < 5; round += 1) {
    without!.push(await bothProviders(healthy.url, probes));
    beside!.push(await bothProviders(broken.url, probes));
  }
  await Promise.all([healthy.stop(), broken.stop()]);
  const p95 = (rounds: readonly Took[] | undefined, of: keyof Took): number =>
    median((rounds ?? []).map((took) => took[of]));
  const [a, b] = [p95(beside, 'kimi'), p95(without, 'kimi')];
  return [
    {
      name: 'hung-other-provider-ratio',
      value: a / b,
      op: '<=',
      limit: 1.2,
      note: `Kimi p95 ${a.toFixed(1)} ms beside a hung GLM call, ${b.toFixed(1)} ms without; GLM p95 ${p95(beside, 'glm').toFixed(0)} ms at capacity - 1`,
    },
  ];
}

/** p95 of how long calls took. */
interface Took {
  readonly kimi: number;
  readonly glm: number;
}

async function bothProviders(url: string, probes: number): Promise<Took> {
  const clients = await Promise.all([0, 1].map(() => BenchClient.open(url)));
  const run = async (client: BenchClient, provider: 'glm' | 'kimi'): Promise<number> => {
    const took: number[] = [];
    for (let n = 0; n < probes; n += 1) took.push((await client.call('chat', chat(provider))).tookMs);
    return quantile(took, 0.95);
  };
  const [kimi, glm] = await Promise.all([run(clients[0]!, 'kimi'), run(clients[1]!, 'glm')]);
  await Promise.all(clients.map((client) => client.close()));
  return { kimi, glm };
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
