import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Permit } from '../../src/index.ts';
import type { RedisPort, RedisSemaphore } from '../../src/redis/index.ts';
import { hasRedis, startRedis, type TestRedis } from '../../../../test/services/start-redis.ts';
import { ADAPTERS, connectPort, sleep, TestAccount, until, type TestPort } from './test-account.ts';

const isInstalled = hasRedis('the suite of the shared semaphore');
let redis: TestRedis;
let account: TestAccount;

describe.skipIf(!isInstalled).each(ADAPTERS)('limits shared through Redis, with a client of %s', (adapter) => {
  let port: TestPort;

  beforeAll(async () => {
    redis = await startRedis();
    port = await connectPort(redis.url, adapter);
  });
  afterEach(() => account.close());
  afterAll(async () => {
    port.end();
    await redis.close();
  });

  test('two processes hold no more than the limit together, and a release goes to the other one', async () => {
    account = new TestAccount(port);
    const [a, b] = [await account.join(), await account.join()];
    const held = [
      await a.acquire({ provider: 'glm', session: 's1' }),
      await b.acquire({ provider: 'glm', session: 's2' }),
    ];
    let third: Permit | undefined;
    const waiting = b.acquire({ provider: 'glm', session: 's3' }).then((permit) => (third = permit));
    await sleep(100);
    expect(third).toBeUndefined();
    expect(await account.leased()).toMatchObject({ g: 2, 'p:glm': 2 });
    held[0]?.release();
    await waiting;
    expect(third?.held).toBe(true);
    expect(third?.fence).toBeGreaterThan(held[1]?.fence ?? Infinity);
    held[1]?.release();
    third?.release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('grants 50 processes in the order they asked, at 3 calls each', async () => {
    account = new TestAccount(port, { global: 5, providers: { glm: 5 } });
    const semaphores: RedisSemaphore[] = [];
    for (let n = 0; n < 50; n += 1) semaphores.push(await account.join());
    const before = port.calls;
    const order: number[] = [];
    let running = 0;
    let peak = 0;
    const calls: Promise<void>[] = [];
    for (const [n, semaphore] of semaphores.entries()) {
      const call = semaphore.run({ provider: 'glm', session: `s${n}` }, async () => {
        order.push(n);
        running += 1;
        peak = Math.max(peak, running);
        await sleep(10);
        running -= 1;
      });
      calls.push(call);
      // Its request leaves before the next one's.
      await Promise.resolve();
    }
    await Promise.all(calls);
    expect(order).toEqual([...order].toSorted((a, b) => a - b));
    expect(peak).toBe(5);
    expect((port.calls - before) / 50).toBeLessThanOrEqual(4);
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('goes on by itself when no hint arrives', async () => {
    const deaf: TestPort = { ...port, subscribe: () => Promise.resolve() };
    account = new TestAccount(deaf, { ttlMs: 1500 });
    const [a, b] = [await account.join(), await account.join()];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const held = [
        await from.acquire({ provider: 'glm', session: 's1' }),
        await from.acquire({ provider: 'glm', session: 's2' }),
      ];
      const next = to.acquire({ provider: 'glm', session: 's3' });
      await sleep(50);
      held[0]?.release();
      (await next).release();
      held[1]?.release();
    }
  });

  test('closing leaves the account: what was leased is free at once', async () => {
    account = new TestAccount(port, { providers: { glm: 1 } });
    const [a, b] = [await account.join(), await account.join()];
    const held = await a.acquire({ provider: 'glm', session: 's1' });
    const next = b.acquire({ provider: 'glm', session: 's2' });
    await until(() => b.shared.processes === 2, 'both are known');
    const closed = a.close();
    held.release();
    await closed;
    (await next).release();
    await until(async () => (await account.state()).get('all')?.split(' ').length === 1, 'one process is left');
    expect(a.shared.leased).toBe(0);
  });
});

describe.skipIf(!isInstalled)('limits shared through Redis', () => {
  let port: TestPort;

  beforeAll(async () => {
    redis = await startRedis();
    port = await connectPort(redis.url);
  });
  afterEach(() => account.close());
  afterAll(async () => {
    port.end();
    await redis.close();
  });

  test('a session has its limit in all processes together', async () => {
    account = new TestAccount(port, { session: 1 });
    const [a, b] = [await account.join(), await account.join()];
    const held = await a.acquire({ provider: 'glm', session: 'one' });
    let isGranted = false;
    const next = b.acquire({ provider: 'kimi', session: 'one' }).then((permit) => {
      isGranted = true;
      return permit;
    });
    await sleep(60);
    expect(isGranted).toBe(false);
    held.release();
    (await next).release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('tryAcquire and timeoutMs 0 take what is leased and never wait for Redis', async () => {
    account = new TestAccount(port);
    const a = await account.join();
    const ask = { provider: 'glm', session: 's' };
    expect(a.tryAcquire(ask)).toBeUndefined();
    await expect(a.acquire({ ...ask, timeoutMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    (await a.acquire(ask)).release();
    // Alone in its account a process keeps a permit for a moment.
    const again = a.tryAcquire(ask);
    expect(again?.held).toBe(true);
    again?.release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'the idle permit is given back');
    expect(a.tryAcquire(ask)).toBeUndefined();
  });

  test('a time-out or an abort in the queue leaves nothing behind', async () => {
    account = new TestAccount(port, { providers: { glm: 1 } });
    const [a, b] = [await account.join(), await account.join()];
    const held = await a.acquire({ provider: 'glm', session: 's1' });
    await expect(b.acquire({ provider: 'glm', session: 's2', timeoutMs: 60 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const abort = new AbortController();
    const aborted = b.acquire({ provider: 'glm', session: 's2', signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 30);
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    held.release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
    (await a.acquire({ provider: 'glm', session: 's1' })).release();
  });

  test('where there is plenty, a process leases in batches and serves its calls by itself', async () => {
    account = new TestAccount(port, { global: 256, session: 256, providers: { glm: 256 } });
    const [a] = [await account.join(), await account.join()];
    const before = port.calls;
    for (let n = 0; n < 500; n += 1) (await a.acquire({ provider: 'glm', session: 's' })).release();
    expect(port.calls - before).toBeLessThan(40);
    expect(a.shared.leased).toBeLessThanOrEqual(16);
    await until(async () => Object.keys(await account.leased()).length === 0, 'the batch is given back when idle');
  });

  test('a batch is given back when another process needs it', async () => {
    account = new TestAccount(port, { global: 16, session: 16, providers: { glm: 16 } });
    const [a, b] = [await account.join(), await account.join()];
    const permits = await Promise.all(Array.from({ length: 16 }, () => a.acquire({ provider: 'glm', session: 's' })));
    const others = Promise.all(Array.from({ length: 16 }, () => b.acquire({ provider: 'glm', session: 't' })));
    await until(() => b.shared.held === 16, 'the other one has heard');
    for (const permit of permits) permit.release();
    for (const permit of await others) permit.release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('an overload cuts the limit of the account, once per generation, and clean releases raise it', async () => {
    account = new TestAccount(port, {
      global: 4,
      session: 4,
      providers: { glm: 4 },
      adaptive: { decrease: 0.5, increaseAfter: 4 },
    });
    const [a, b] = [await account.join(), await account.join()];
    const changes: number[] = [];
    b.on('limitChanged', ({ limit }) => changes.push(limit));
    const permits = await Promise.all([a, a, b, b].map((each) => each.acquire({ provider: 'glm', session: 's' })));
    for (const permit of permits) permit.release('overload');
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
    (await b.acquire({ provider: 'glm', session: 's' })).release('ignore');
    expect(b.tier('provider', 'glm')).toMatchObject({ capacity: 4, limit: 2 });
    await until(async () => {
      for (const permit of await Promise.all([a, b].map((each) => each.acquire({ provider: 'glm', session: 's' }))))
        permit.release();
      return (b.shared.providers['glm']?.limit ?? 0) > 2;
    }, 'the limit rises');
    expect(changes.slice(0, 2)).toEqual([2, 3]);
  });

  test('a capacity set in one process holds in all', async () => {
    account = new TestAccount(port);
    const [a, b] = [await account.join(), await account.join()];
    a.tier('provider', 'glm').resize(4);
    a.tier('global').resize(7);
    a.tier('session').resize(4);
    const asks = Array.from({ length: 4 }, () => ({ provider: 'glm', session: 's' }));
    await until(async () => (await account.state()).get('c/p:glm') === '4', 'Redis knows');
    for (const permit of await Promise.all(asks.map((ask) => b.acquire(ask)))) permit.release();
    expect(b.tier('provider', 'glm').capacity).toBe(4);
    expect(b.tier('global').capacity).toBe(7);
    expect(b.tier('session', 's').capacity).toBe(4);
  });

  test('a permit taken back from its holder is free for others, once its quarantine has ended', async () => {
    account = new TestAccount(port, { session: 1, providers: { glm: 1, kimi: 3 }, graceMs: 0, quarantineMs: 50 });
    const [a, b] = [await account.join(), await account.join()];
    const held = await a.acquire({ provider: 'glm', session: 's1', maxHoldMs: 30 });
    const [other, same] = [
      b.acquire({ provider: 'glm', session: 's2' }),
      a.acquire({ provider: 'kimi', session: 's1' }),
    ];
    // The session is free before the provider is.
    (await same).release();
    (await other).release();
    expect(held.release()).toBe(false);
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
    expect(a.stats().session.held + a.stats().global.held).toBe(0);
  });

  test('providers that are not listed have the default capacity, and are forgotten when idle', async () => {
    account = new TestAccount(port, { global: 9, session: 9, defaultProvider: 1 });
    const [a, b] = [await account.join(), await account.join()];
    const ask = { provider: 'glm:other key', session: 's' };
    const held = await a.acquire(ask);
    const next = b.acquire(ask);
    await until(() => a.shared.providers[ask.provider]?.leased === 1, 'it is leased');
    held.release();
    (await next).release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
    expect(a.shared.providers).not.toHaveProperty([ask.provider]);
    expect(Object.keys(b.shared.providers)).toEqual(expect.arrayContaining(['glm', 'kimi']));
  });

  test('every key has a time to live and the account as its hash tag', async () => {
    account = new TestAccount(port, { providers: { glm: 1 } });
    const [a, b] = [await account.join(), await account.join()];
    const held = await a.acquire({ provider: 'glm', session: 's1' });
    const next = b.acquire({ provider: 'glm', session: 's2' });
    await sleep(60);
    const keys = await port.command('KEYS', `*${account.account}*`);
    if (!Array.isArray(keys)) throw new Error('no keys');
    expect(keys.length).toBeGreaterThan(1);
    for (const key of keys) {
      expect(String(key)).toContain(`{${account.account}}`);
      expect(Number(await port.command('PTTL', String(key)))).toBeGreaterThan(0);
    }
    held.release();
    (await next).release();
  });

  test('a lost reply is asked for again and costs nothing', async () => {
    let drops = 0;
    const lossy: RedisPort = {
      ...port,
      async eval(...args) {
        const reply = await port.eval(...args);
        if (drops <= 0) return reply;
        drops -= 1;
        throw new Error('the reply was lost');
      },
    };
    account = new TestAccount(port, { providers: { glm: 1 } });
    const [a, b] = [await account.join({ redis: lossy }), await account.join()];
    drops = 1;
    const order: string[] = [];
    const mine = a.acquire({ provider: 'glm', session: 's1' }).finally(() => order.push('a'));
    await until(() => drops === 0, 'the reply is lost');
    const theirs = b.acquire({ provider: 'glm', session: 's2' }).finally(() => order.push('b'));
    const first = await Promise.race([mine, theirs]);
    expect(order).toEqual(['a']);
    expect(await account.leased()).toMatchObject({ g: 1, 'p:glm': 1, 's:s1': 1 });
    drops = 2;
    first.release();
    (await theirs).release();
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
  });

  test('random calls of three processes: never above a limit, nothing lost, nothing left', async () => {
    account = new TestAccount(port, { global: 4, session: 2 });
    const semaphores = [await account.join(), await account.join(), await account.join()];
    const running = new Map<string, number>();
    const over: string[] = [];
    const limits = new Map([
      ['g', 4],
      ['glm', 2],
      ['kimi', 3],
    ]);
    const count = (keys: readonly string[], step: number): void => {
      for (const key of keys) {
        const now = (running.get(key) ?? 0) + step;
        running.set(key, now);
        if (now > (limits.get(key) ?? 2)) over.push(`${key}: ${now}`);
      }
    };
    let granted = 0;
    let seed = 7;
    const next = (bound: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * bound);
    };
    const one = async (semaphore: RedisSemaphore): Promise<void> => {
      const [provider, session] = [next(2) === 0 ? 'glm' : 'kimi', `s${next(5)}`];
      const timeoutMs = next(10) === 0 ? 1 + next(20) : 30_000;
      const permit = await semaphore.acquire({ provider, session, timeoutMs }).catch(() => undefined);
      if (permit === undefined) return;
      granted += 1;
      count(['g', provider, session], 1);
      await sleep(next(6));
      count(['g', provider, session], -1);
      permit.release();
    };
    const lane = async (semaphore: RedisSemaphore): Promise<void> => {
      for (let n = 0; n < 25; n += 1) await one(semaphore);
    };
    await Promise.all(semaphores.flatMap((each) => Array.from({ length: 5 }, () => lane(each))));
    expect(over).toEqual([]);
    expect(granted).toBeGreaterThan(250);
    await until(async () => Object.keys(await account.leased()).length === 0, 'all permits are back');
    for (const each of semaphores) expect(each.stats().global.held).toBe(0);
  });
});
