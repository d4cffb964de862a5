import { createClient } from 'redis';

import { createRedisSemaphore, fromRedis, type RedisSemaphore } from '../src/redis/index.ts';

/** What one process of the bench does, as JSON, by its only argument. */
export interface BenchOrders {
  readonly kind: 'contend' | 'loop' | 'share';
  readonly contender: 'ours' | 'redis-semaphore';
  readonly url: string;
  readonly account: string;
  readonly limit: number;
  /** Contenders, lanes or sessions. */
  readonly size: number;
  readonly holdMs: number;
  /** How long a loop goes on once all its processes are ready. */
  readonly runMs: number;
  readonly peers: string;
}

/** What it saw. */
export interface BenchSight {
  readonly grants: number;
  readonly elapsedMs: number;
  readonly inversions: number;
  readonly scriptCalls: number;
}

/** Not counted: the time in which the processes find each other. */
const WARM_UP_MS = 500;

interface Contender {
  readonly run: (work: () => Promise<void>) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Peers {
  Redis: new (url: string) => { disconnect(): void };
  Semaphore: new (
    client: unknown,
    key: string,
    limit: number,
    options: { acquireTimeout: number },
  ) => { acquire(): Promise<void>; release(): Promise<void> };
}

const orders = JSON.parse(process.argv[2] ?? '') as BenchOrders;
const client = await createClient({ url: orders.url }).connect();

const port = fromRedis(client);

function join(): Promise<RedisSemaphore> {
  const { limit, account } = orders;
  return createRedisSemaphore({
    global: limit,
    session: orders.kind === 'loop' ? limit : 2,
    providers: { glm: limit },
    redis: port,
    account,
    assumeFresh: true,
  });
}

/** As many contenders as asked for, each on its own where `isApart`, all behind one semaphore otherwise. */
async function createOurs(count: number, isApart: boolean): Promise<Contender[]> {
  const shared = isApart ? undefined : await join();
  const contenders: Contender[] = [];
  for (let n = 0; n < count; n += 1) {
    const semaphore = shared ?? (await join());
    contenders.push({
      run: (work) => semaphore.run({ provider: 'glm', session: `${process.pid}-${n}` }, work),
      close: () => semaphore.close(),
    });
  }
  return contenders;
}

async function createPeers(count: number): Promise<Contender[]> {
  const { Redis, Semaphore } = (await import(orders.peers)) as Peers;
  const redis = new Redis(orders.url);
  return Array.from({ length: count }, (_, index) => {
    const semaphore = new Semaphore(redis, orders.account, orders.limit, { acquireTimeout: 60_000 });
    return {
      async run(work) {
        await semaphore.acquire();
        await work();
        await semaphore.release();
      },
      close: () => Promise.resolve(index === 0 ? redis.disconnect() : undefined),
    };
  });
}

/** Script calls that Redis has run since the last reset. */
async function readScriptCalls(): Promise<number> {
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

function hold(): Promise<void> {
  if (orders.holdMs === 0) return Promise.resolve();
  return new Promise((resolve) => setTimeout(resolve, orders.holdMs));
}

/** All ask once, at the same time, one after the other. */
async function contend(contenders: readonly Contender[]): Promise<BenchSight> {
  const order: number[] = [];
  await client.sendCommand(['CONFIG', 'RESETSTAT']);
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  for (const [index, contender] of contenders.entries()) {
    calls.push(
      contender.run(async () => {
        order.push(index);
        await hold();
      }),
    );
    // Asked for before the next one asks.
    await Promise.resolve();
  }
  await Promise.all(calls);
  const elapsedMs = performance.now() - startedAt;
  // What is still on its way counts too.
  await new Promise((resolve) => setTimeout(resolve, 150));
  return { grants: order.length, elapsedMs, inversions: countInversions(order), scriptCalls: await readScriptCalls() };
}

function countInversions(order: readonly number[]): number {
  return order.reduce((sum, each, index) => sum + order.slice(index).filter((later) => later < each).length, 0);
}

/** Each asks again and again until the time is up. Begins when told to: all processes must be ready. */
async function loop(lanes: readonly Contender[]): Promise<BenchSight> {
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve));
  const startedAt = performance.now();
  const endAt = startedAt + WARM_UP_MS + orders.runMs;
  let grants = 0;
  const note = (): void => {
    const now = performance.now();
    if (now >= startedAt + WARM_UP_MS && now < endAt) grants += 1;
  };
  await Promise.all(
    lanes.map(async ({ run }) => {
      for (let n = 0; performance.now() < endAt; n += 1) {
        await run(hold);
        note();
        // A lane that never waits must let the others and the timers in.
        if (n % 64 === 63) await new Promise((resolve) => setImmediate(resolve));
      }
    }),
  );
  return { grants, elapsedMs: orders.runMs, inversions: 0, scriptCalls: 0 };
}

async function main(): Promise<BenchSight> {
  const { kind, contender, size } = orders;
  const lanes = contender === 'ours' ? await createOurs(size, kind === 'contend') : await createPeers(size);
  // Every session has one call running or first in line and one behind it.
  const all = kind === 'share' ? [...lanes, ...lanes, ...lanes] : lanes;
  const sight = kind === 'contend' ? await contend(all) : await loop(all);
  await Promise.all([...new Set(lanes)].map((each) => each.close()));
  return sight;
}

process.send?.({ sight: await main() });
client.destroy();
process.disconnect();
