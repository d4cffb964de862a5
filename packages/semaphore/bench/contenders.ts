import { Semaphore as AsyncMutexSemaphore } from 'async-mutex';

import { Semaphore, type LeakLevel } from '../src/index.ts';
import { List, Ring } from './lower-bounds.ts';

/** Acquire and release in the idiom of the library. */
export interface Contender {
  /** Takes and gives back once. */
  cycle(): Promise<unknown>;
  /** Asks `count` times at once and resolves when all have been granted and given back. */
  burst(count: number): Promise<void>;
}

/** Asks many times at once; one shared callback, so that only the library's own cost per waiter counts. */
function burstOf<P>(acquire: () => Promise<P>, release: (permit: P) => void): (count: number) => Promise<void> {
  return (count) =>
    new Promise((resolve) => {
      let left = count;
      const onGrant = (permit: P): void => {
        release(permit);
        left -= 1;
        if (left === 0) resolve();
      };
      for (let n = 0; n < count; n += 1) void acquire().then(onGrant);
    });
}

function burstOfTasks(run: (task: () => void) => Promise<unknown>): (count: number) => Promise<void> {
  return (count) =>
    new Promise((resolve) => {
      let left = count;
      const task = (): void => {
        left -= 1;
        if (left === 0) resolve();
      };
      for (let n = 0; n < count; n += 1) void run(task);
    });
}

/** What `bench-peers/semaphore/peers.mjs` exports. */
interface Peers {
  asyncSema: { Sema: new (capacity: number) => { acquire(): Promise<unknown>; release(): void } };
  bulkhead: (capacity: number, queue: number) => { execute<T>(task: () => T): Promise<T> };
  pLimit: (capacity: number) => <T>(task: () => T) => Promise<T>;
  PQueue: new (options: { concurrency: number }) => { add<T>(task: () => T): Promise<T> };
}

export const LEVELS: readonly LeakLevel[] = ['off', 'track', 'standard', 'strict'];
export const PEERS: readonly string[] = ['p-limit', 'p-queue', 'async-sema', 'cockatiel'];

/** Makes a contender with this many permits. */
export async function createContender(name: string, capacity: number, peersFile: string): Promise<Contender> {
  const level = LEVELS.find((each) => each === name);
  if (level !== undefined) return ours(level, capacity);
  if (name === 'ring') {
    const ring = new Ring(capacity);
    return {
      async cycle() {
        await ring.acquire();
        ring.release();
      },
      burst: burstOf(
        () => ring.acquire(),
        () => ring.release(),
      ),
    };
  }
  if (name === 'list+permit') {
    const list = new List(capacity);
    return {
      async cycle() {
        (await list.acquire()).release();
      },
      burst: burstOf(
        () => list.acquire(),
        (permit) => permit.release(),
      ),
    };
  }
  if (name === 'async-mutex') {
    const semaphore = new AsyncMutexSemaphore(capacity);
    return {
      async cycle() {
        const [, release] = await semaphore.acquire();
        release();
      },
      burst: burstOf(
        () => semaphore.acquire(),
        ([, release]) => release(),
      ),
    };
  }
  return peer(name, capacity, (await import(peersFile)) as Peers);
}

function ours(leak: LeakLevel, capacity: number): Contender {
  const semaphore = new Semaphore({ capacity, leak, maxWaiting: Infinity });
  return {
    async cycle() {
      (await semaphore.acquire()).release();
    },
    burst: burstOf(
      () => semaphore.acquire(),
      (permit) => permit.release(),
    ),
  };
}

function peer(name: string, capacity: number, peers: Peers): Contender {
  const nothing = (): void => {};
  if (name === 'p-limit') {
    const limit = peers.pLimit(capacity);
    return { cycle: () => limit(nothing), burst: burstOfTasks((task) => limit(task)) };
  }
  if (name === 'p-queue') {
    const queue = new peers.PQueue({ concurrency: capacity });
    return { cycle: () => queue.add(nothing), burst: burstOfTasks((task) => queue.add(task)) };
  }
  if (name === 'cockatiel') {
    const bulkhead = peers.bulkhead(capacity, Infinity);
    return { cycle: () => bulkhead.execute(nothing), burst: burstOfTasks((task) => bulkhead.execute(task)) };
  }
  const sema = new peers.asyncSema.Sema(capacity);
  return {
    async cycle() {
      await sema.acquire();
      sema.release();
    },
    burst: burstOf(
      () => sema.acquire(),
      () => sema.release(),
    ),
  };
}
