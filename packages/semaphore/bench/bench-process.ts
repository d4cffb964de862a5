import { Semaphore, TieredSemaphore } from '../src/index.ts';
import { createContender } from './contenders.ts';
import { lightWaitP99 } from './hog.ts';

// One measurement in a process of its own: `bench-process <case> <contender> <size> <peers file>`. Prints one number.

const [, , kind = '', contender = '', sizeText = '0', peersFile = ''] = process.argv;
const size = Number(sizeText);

/** Milliseconds of processor time of a task: on a shared machine the wall clock measures the neighbours. */
async function cpuMs(task: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Nanoseconds of an uncontended acquire and release: the best of 9 batches. */
async function uncontended(): Promise<number> {
  const { cycle } = await createContender(contender, 10, peersFile);
  const batch = async (): Promise<number> => {
    const ms = await cpuMs(async () => {
      for (let n = 0; n < size; n += 1) await cycle();
    });
    return (ms * 1e6) / size;
  };
  await batch();
  const batches: number[] = [];
  for (let n = 0; n < 9; n += 1) batches.push(await batch());
  return Math.min(...batches);
}

/** Milliseconds of processor time until `size` calls that came at once behind 10 permits are through. */
async function waiters(): Promise<number> {
  const warm = await createContender(contender, 10, peersFile);
  for (let round = 0; round < 5; round += 1) await warm.burst(4000);
  const { burst } = await createContender(contender, 10, peersFile);
  globalThis.gc?.();
  return cpuMs(() => burst(size));
}

/** Milliseconds of processor time until `size` calls that wait on one signal have settled after its abort. */
async function cancel(): Promise<number> {
  const run = async (count: number): Promise<number> => {
    const semaphore = new Semaphore({ capacity: 1, maxWaiting: Infinity });
    const held = await semaphore.acquire();
    const controller = new AbortController();
    const calls = Array.from({ length: count }, () => semaphore.acquire({ signal: controller.signal }).catch(() => {}));
    const took = await cpuMs(() => {
      controller.abort();
      return Promise.all(calls);
    });
    if (semaphore.waiting !== 0) throw new Error(`${semaphore.waiting} calls still wait`);
    held.release();
    return took;
  };
  await run(5000);
  globalThis.gc?.();
  return run(size);
}

/** Heap bytes of one waiting call with a time-out or a deadline. */
async function heap(): Promise<number> {
  const pool = new Semaphore({ capacity: 1, maxWaiting: Infinity });
  const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 }, maxWaiting: Infinity });
  const deadlineAt = Date.now() + 3_600_000;
  const asks: Record<string, (n: number) => Promise<unknown>> = {
    'Semaphore timeoutMs': (n) => pool.acquire({ timeoutMs: 3_600_000 + n }),
    'Semaphore deadlineAt': (n) => pool.acquire({ deadlineAt: deadlineAt + n }),
    'TieredSemaphore timeoutMs': (n) =>
      limits.acquire({ provider: 'glm', session: `s${n % 60}`, timeoutMs: 3_600_000 + n }),
    'TieredSemaphore deadlineAt': (n) =>
      limits.acquire({ provider: 'glm', session: `s${n % 60}`, deadlineAt: deadlineAt + n }),
  };
  const ask = asks[contender];
  if (ask === undefined) throw new Error(`no such contender: ${contender}`);
  await ask(0);
  const calls: (Promise<unknown> | undefined)[] = Array.from({ length: size }, () => undefined);
  const before = usedHeap();
  for (let n = 0; n < size; n += 1) calls[n] = ask(n);
  const bytes = (usedHeap() - before) / size;
  if (calls.length !== size || pool.waiting + limits.waiting !== size) throw new Error('not all calls wait');
  return bytes;
}

function usedHeap(): number {
  for (let n = 0; n < 3; n += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Nanoseconds per grant of 100,000 queued calls spread over `size` sessions. */
async function tierGrant(): Promise<number> {
  const calls = 100_000;
  const run = async (count: number, sessions: number): Promise<number> => {
    const limits = new TieredSemaphore({
      global: 10,
      session: 2,
      providers: { glm: 10 },
      maxWaiting: Infinity,
    });
    const held = await Promise.all(
      Array.from({ length: 10 }, (_, n) => limits.acquire({ provider: 'glm', session: `first ${n}` })),
    );
    const queued = Array.from({ length: count }, (_, n) =>
      limits.acquire({ provider: 'glm', session: `s${n % sessions}` }).then((permit) => permit.release()),
    );
    globalThis.gc?.();
    const ms = await cpuMs(() => {
      for (const permit of held) permit.release();
      return Promise.all(queued);
    });
    return (ms * 1e6) / count;
  };
  await run(10_000, 60);
  return run(calls, size);
}

/** The light session's 99th percentile with a backlog of `size` over that with 2 in flight, for one seed. */
async function hog(): Promise<number> {
  const seed = Number(contender);
  return (await lightWaitP99(size, seed)) / (await lightWaitP99(2, seed));
}

const cases: Record<string, () => Promise<number>> = { uncontended, waiters, cancel, heap, tierGrant, hog };
const measure = cases[kind];
if (measure === undefined) throw new Error(`no such case: ${kind}`);
console.log(JSON.stringify(await measure()));
process.exit(0);
