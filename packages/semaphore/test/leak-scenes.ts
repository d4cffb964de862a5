import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:net';

import { Semaphore, TieredSemaphore, type HolderInfo, type LeakLevel, type Permit } from '../src/index.ts';

/** What a scene needs of either semaphore, which has a single permit. */
export interface Pool {
  acquire(): Promise<Permit>;
  run<T>(task: (permit: Permit) => T | PromiseLike<T>): Promise<T>;
  runStream<T>(source: (permit: Permit) => AsyncIterable<T>): AsyncIterableIterator<T>;
}

/** Keeps what must stay alive; its `end` frees what would hold the process open. */
export interface Living {
  readonly things: unknown[];
  readonly ends: (() => void)[];
}

export interface Scene {
  readonly name: string;
  readonly isLeak: boolean;
  play(pool: Pool, living: Living): Promise<void>;
}

const store = new AsyncLocalStorage<unknown>();

function never(): Promise<void> {
  return new Promise(() => {});
}

async function holdAndAwait(pool: Pool, what: (permit: Permit) => Promise<unknown>): Promise<void> {
  const permit = await pool.acquire();
  await what(permit);
  permit.release();
}

/** The 22 scenes, and the abandoned `runStream`. Each is played on a pool of one permit. */
export const LEAK_SCENES: readonly Scene[] = [
  { name: '1 permit dropped', isLeak: true, play: async (pool) => void (await pool.acquire()) },
  {
    name: '2 early return without release',
    isLeak: true,
    async play(pool) {
      const work = async (isEmpty: boolean): Promise<void> => {
        const permit = await pool.acquire();
        if (isEmpty) return;
        permit.release();
      };
      await work(true);
    },
  },
  {
    name: '3 throw between acquire and try',
    isLeak: true,
    async play(pool) {
      const work = async (): Promise<void> => {
        const permit = await pool.acquire();
        JSON.parse('{');
        permit.release();
      };
      await work().catch(() => {});
    },
  },
  {
    name: '4 holder awaits a promise nobody can resolve',
    isLeak: true,
    async play(pool) {
      void holdAndAwait(pool, never);
    },
  },
  {
    name: '5 run() whose callback awaits one',
    isLeak: true,
    async play(pool) {
      void pool.run(never);
    },
  },
  {
    name: '6 the same inside AsyncLocalStorage.run',
    isLeak: true,
    async play(pool) {
      store.run({ request: 1 }, () => void pool.run(never));
    },
  },
  {
    name: '7 the same with the permit in the AsyncLocalStorage store',
    isLeak: true,
    async play(pool) {
      const permit = await pool.acquire();
      store.run({ permit }, () => void never().then(() => permit.release()));
    },
  },
  {
    name: '8 abandoned async generator',
    isLeak: true,
    async play(pool) {
      const generate = async function* (): AsyncGenerator<number> {
        const permit = await pool.acquire();
        try {
          yield 1;
          yield 2;
        } finally {
          permit.release();
        }
      };
      await generate().next();
    },
  },
  {
    name: '9 queued acquire whose caller is gone, granted later',
    isLeak: true,
    async play(pool) {
      const first = await pool.acquire();
      void pool.acquire();
      first.release();
    },
  },
  {
    name: '10 Promise.race loser granted later',
    isLeak: true,
    async play(pool) {
      const first = await pool.acquire();
      await Promise.race([pool.acquire(), Promise.resolve('gave up')]);
      first.release();
    },
  },
  {
    name: '11 holder waits on a timer',
    isLeak: false,
    async play(pool, living) {
      void holdAndAwait(
        pool,
        () =>
          new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, 60_000);
            living.ends.push(() => clearTimeout(timer));
          }),
      );
    },
  },
  {
    name: '12 holder waits on a promise whose resolver sits in a live map',
    isLeak: false,
    async play(pool, living) {
      const resolvers = new Map<string, () => void>();
      living.things.push(resolvers);
      void holdAndAwait(pool, () => new Promise<void>((resolve) => resolvers.set('x', resolve)));
    },
  },
  {
    name: '13 holder waits on a listener of a live AbortController',
    isLeak: false,
    async play(pool, living) {
      const controller = new AbortController();
      living.things.push(controller);
      void holdAndAwait(
        pool,
        () => new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve())),
      );
    },
  },
  {
    name: '14 permit in a live array',
    isLeak: false,
    play: async (pool, living) => void living.things.push(await pool.acquire()),
  },
  {
    name: '15 only a detached release closure survives',
    isLeak: false,
    async play(pool, living) {
      const permit = await pool.acquire();
      living.things.push(() => permit.release());
    },
  },
  {
    name: '16 holder waits on a listening socket',
    isLeak: false,
    async play(pool, living) {
      void holdAndAwait(
        pool,
        () =>
          new Promise<void>((resolve) => {
            const server = createServer(() => resolve()).listen(0, '127.0.0.1');
            living.ends.push(() => server.close());
          }),
      );
    },
  },
  { name: '17 released', isLeak: false, play: async (pool) => void (await pool.acquire()).release() },
  {
    name: '18 released twice',
    isLeak: false,
    async play(pool) {
      const permit = await pool.acquire();
      permit.release();
      permit.release();
    },
  },
  {
    name: '19 a waiter behind a live holder',
    isLeak: false,
    async play(pool, living) {
      living.things.push(await pool.acquire());
      void pool.acquire().catch(() => {});
    },
  },
  {
    name: '20 a listener on permit.signal that refers to the permit',
    isLeak: true,
    async play(pool) {
      const permit = await pool.acquire();
      permit.signal.addEventListener('abort', () => permit.touch());
    },
  },
  {
    name: '21 holder hung on permit.signal itself',
    isLeak: true,
    async play(pool) {
      void holdAndAwait(
        pool,
        (permit) => new Promise<void>((resolve) => permit.signal.addEventListener('abort', () => resolve())),
      );
    },
  },
  {
    name: '22 the signal read and dropped',
    isLeak: true,
    async play(pool) {
      const permit = await pool.acquire();
      expectLive(permit.signal);
    },
  },
  {
    name: '23 abandoned runStream',
    isLeak: true,
    async play(pool) {
      const numbers = async function* (): AsyncGenerator<number> {
        yield 1;
        yield 2;
      };
      await pool.runStream(numbers).next();
    },
  },
];

function expectLive(signal: AbortSignal): void {
  if (signal.aborted) throw new Error('the signal of a held permit is aborted');
}

export type Kind = 'Semaphore' | 'TieredSemaphore';

/** Plays every scene on a pool of its own, collects garbage some rounds, and says which were reported leaked. */
export async function playLeakScenes(kind: Kind, level: LeakLevel): Promise<Record<string, boolean>> {
  const living: Living = { things: [], ends: [] };
  const leaks = new Map<string, HolderInfo>();
  for (const scene of LEAK_SCENES) {
    const pool = createPool(kind, level, (holder) => leaks.set(scene.name, holder));
    living.things.push(pool);
    await scene.play(pool, living);
  }
  for (let round = 0; round < 4; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    collect();
  }
  await new Promise((resolve) => setTimeout(resolve, 25));
  for (const end of living.ends) end();
  return Object.fromEntries(LEAK_SCENES.map(({ name }) => [name, leaks.has(name)]));
}

function createPool(kind: Kind, leak: LeakLevel, onLeak: (holder: HolderInfo) => void): Pool {
  if (kind === 'Semaphore') {
    const semaphore = new Semaphore({ capacity: 1, leak });
    semaphore.on('leaked', onLeak);
    return semaphore;
  }
  const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 }, leak });
  limits.on('leaked', onLeak);
  const ask = { provider: 'glm', session: 'a' };
  return {
    acquire: () => limits.acquire(ask),
    run: (task) => limits.run(ask, task),
    runStream: (source) => limits.runStream(ask, source),
  };
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  globalThis.gc();
}
