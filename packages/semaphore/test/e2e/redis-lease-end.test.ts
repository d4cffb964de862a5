import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { AcquireError, type SharedHealth } from '../../src/index.ts';
import type { RedisSemaphore } from '../../src/redis/index.ts';
import { hasRedis, startRedis, type TestRedis } from '../../../../test/services/start-redis.ts';
import { connectPort, sleep, TestAccount, until, type TestPort } from '../redis/test-account.ts';

const isInstalled = hasRedis('the suite of leases that end');
const TTL_MS = 1500;

describe.skipIf(!isInstalled)('when Redis is gone', () => {
  let redis: TestRedis;
  let port: TestPort;
  let account: TestAccount;
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);

  beforeEach(async () => {
    redis = await startRedis();
    port = await connectPort(redis.url);
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    await account.close();
    port.end();
    await redis.close();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  function states(semaphore: RedisSemaphore): SharedHealth[] {
    const seen: SharedHealth[] = [];
    semaphore.on('sharedChanged', (shared) => seen.push(shared));
    return seen;
  }

  test('a holder learns by its signal before others could get its permit, and its release changes nothing', async () => {
    account = new TestAccount(port, { ttlMs: TTL_MS, graceMs: 0, quarantineMs: 0 });
    const semaphore = await account.join();
    const seen = states(semaphore);
    const permit = await semaphore.acquire({ provider: 'glm', session: 's', label: 'answer' });
    const { signal } = permit;
    const aborted = new Promise<number>((resolve) =>
      signal.addEventListener('abort', () => resolve(performance.now())),
    );
    await redis.kill();
    const killedAt = performance.now();
    const waiting = semaphore.acquire({ provider: 'glm', session: 't' });
    expect((await aborted) - killedAt).toBeLessThan(TTL_MS);
    expect(signal.reason).toSatisfy(AcquireError.is);
    expect(signal.reason).toMatchObject({ code: 'LOST' });
    await until(() => !permit.held, 'it is reclaimed');
    expect(permit.release()).toBe(false);
    expect(semaphore.shared).toMatchObject({ state: 'degraded', mode: 'closed', leased: 0 });
    expect(semaphore.shared.reason).toBeDefined();
    expect(semaphore.stats().global.lateReleases).toBe(1);
    await redis.start();
    (await waiting).release();
    await until(() => semaphore.shared.mode === 'shared', 'it is shared again');
    expect(seen.map(({ mode }) => mode)).toEqual(expect.arrayContaining(['closed', 'recovering', 'shared']));
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('what still runs after its lease has ended is counted again before anything new starts', async () => {
    account = new TestAccount(port, { ttlMs: TTL_MS, providers: { glm: 2 }, graceMs: 60_000 });
    const [a, b] = [await account.join(), await account.join()];
    const stubborn = await a.acquire({ provider: 'glm', session: 's' });
    expect(stubborn.signal.aborted).toBe(false);
    await redis.kill();
    await until(() => stubborn.signal.aborted, 'it is told to stop');
    await redis.start();
    const first = await b.acquire({ provider: 'glm', session: 't' });
    await until(async () => (await account.leased())['p:glm'] === 2, 'the stubborn one is counted');
    let isGranted = false;
    const second = b.acquire({ provider: 'glm', session: 't' }).then((permit) => {
      isGranted = true;
      return permit;
    });
    await sleep(200);
    expect(isGranted).toBe(false);
    expect(stubborn.release()).toBe(true);
    (await second).release();
    first.release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('unreachable: share keeps and grants ⌊limit / processes⌋ after one ttlMs, and is registered before anything new', async () => {
    account = new TestAccount(port, {
      ttlMs: TTL_MS,
      unreachable: 'share',
      global: 4,
      session: 4,
      providers: { glm: 4 },
    });
    const [a, b] = [await account.join(), await account.join()];
    const seen = states(a);
    const permits = await Promise.all([a, a, a, b].map((each) => each.acquire({ provider: 'glm', session: 's' })));
    const signals = permits.map(({ signal }) => signal);
    await until(() => a.shared.processes === 2, 'a knows of b');
    await redis.kill();
    const killedAt = performance.now();
    const next = b.acquire({ provider: 'glm', session: 't' });
    const more = await next;
    expect(performance.now() - killedAt).toBeGreaterThan(TTL_MS * 0.9);
    // Of three permits one was too many; the oldest stay.
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true, false]);
    expect(b.shared).toMatchObject({ state: 'degraded', mode: 'share', leased: 2 });
    expect(b.tryAcquire({ provider: 'glm', session: 't' })).toBeUndefined();
    permits[2]?.release();
    await until(() => seen.some(({ mode }) => mode === 'share'), 'a shares too');
    await redis.start();
    await until(() => a.shared.mode === 'shared' && b.shared.mode === 'shared', 'both are back');
    expect(await account.leased()).toMatchObject({ g: 4, 'p:glm': 4 });
    for (const permit of [...permits, more]) permit.release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('closing while Redis is gone takes no longer than a call may', async () => {
    account = new TestAccount(port, { ttlMs: TTL_MS });
    const semaphore = await account.join();
    await redis.kill();
    await semaphore.close();
    await expect(semaphore.acquire({ provider: 'glm', session: 's' })).rejects.toMatchObject({ code: 'CLOSED' });
    await redis.start();
  });
});
