import { BenchClient, type Ended } from './bench-client.ts';
import { startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median, quantile } from './statistics.ts';

const HOLD_MS = 30;
/** Of a call beside a hog: long beside what the machine adds to it. */
const BESIDE_HOG_MS = 50;
const ROUNDS = 5;

function chat(provider: 'glm' | 'kimi', serviceMs = HOLD_MS): Record<string, unknown> {
  return { prompt: 'hello', provider, simulate: { serviceMs } };
}

/**
 * Waits of a light session and of another provider's calls beside a hog. Two servers at the same time, so that what else the machine
 * does meets both: on one the hog keeps 60 runs unfinished, on the other 2; then they change places.
 */
export async function fairness(full: boolean): Promise<Bar[]> {
  const servers = await Promise.all([0, 1].map(() => startChild('bench-server.ts', { sessionMaxQueued: 1000 })));
  const idle = await startChild('bench-echo.ts');
  const probes = full ? 60 : 24;
  const rounds: Round[] = [];
  await Promise.all(servers.map(({ url }) => lightBesideHog(url, 2, probes / 3)));
  for (let round = 0; round < ROUNDS; round += 1) {
    const [one, other] = round % 2 === 0 ? servers : servers.toReversed();
    await Promise.all([one!, idle].map((child) => child.ask('lag-reset')));
    const [loaded, alone] = await Promise.all([
      lightBesideHog(one!.url, 60, probes),
      lightBesideHog(other!.url, 2, probes),
    ]);
    const lag = { ours: (await one!.ask()).lagP99Ms, machine: (await idle.ask()).lagP99Ms };
    const p95 = (waits: readonly number[]): number => quantile(waits, 0.95);
    rounds.push({ loaded: p95(loaded.light), alone: p95(alone.light), other: p95(loaded.other), lag });
  }
  await Promise.all([...servers, idle].map((child) => child.stop()));
  return toBars(rounds, probes);
}

/** p95s of one round, in ms. */
interface Round {
  readonly loaded: number;
  readonly alone: number;
  readonly other: number;
  readonly lag: { readonly ours: number; readonly machine: number };
}

function toBars(rounds: readonly Round[], probes: number): Bar[] {
  const each = (text: (round: Round) => string): string => rounds.map(text).join(' ');
  return [
    {
      name: 'light-vs-hog-queued-ratio',
      value: median(rounds.map(({ loaded, alone }) => loaded / alone)),
      op: '<=',
      limit: 1.2,
      note: `median of ${rounds.length} pairs of p95s of ${probes}, ms beside 60 queued calls/beside 2 in flight: ${each(({ loaded, alone }) => `${loaded.toFixed(0)}/${alone.toFixed(0)}`)}`,
    },
    {
      name: 'other-provider-queued-ms',
      value: median(rounds.map(({ other }) => other)),
      op: '<=',
      limit: 5,
      note: `median of ${rounds.length} p95s: ${each(({ other }) => other.toFixed(2))}`,
    },
    {
      name: 'event-loop-lag-p99-ms',
      value: median(rounds.map(({ lag }) => lag.ours)),
      op: '<=',
      limit: 50,
      note: `median of ${rounds.length} rounds; server/idle process: ${each(({ lag }) => `${lag.ours.toFixed(0)}/${lag.machine.toFixed(0)}`)}`,
    },
  ];
}

interface Waits {
  readonly light: number[];
  readonly other: number[];
}

/**
 * A hog keeps `depth` GLM runs unfinished; a light session makes one GLM call after the other, another one Kimi calls. The steps of a run
 * follow one another within the server: were they calls, two of them would leave permits free while the bench, busy itself, sends
 * the next, and the light session would wait less for the bench's sake.
 */
async function lightBesideHog(url: string, depth: number, probes: number): Promise<Waits> {
  const [hog, light, kimi] = await Promise.all([0, 1, 2].map(() => BenchClient.open(url)));
  const stop = keepBusy(hog!, depth, () => hog!.call('twelve', { provider: 'glm', stepMs: BESIDE_HOG_MS }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const waits = async (client: BenchClient, provider: 'glm' | 'kimi'): Promise<number[]> => {
    const queued: number[] = [];
    for (let n = 0; n < probes; n += 1)
      queued.push((await client.call('chat', chat(provider, BESIDE_HOG_MS))).queuedMs);
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
