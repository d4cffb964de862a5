import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRedisSemaphore, SharedAdmissionError, type RedisSemaphoreOptions } from '../../src/redis/index.ts';
import { hasRedis, startRedis, type TestRedis } from '../../../../test/services/start-redis.ts';
import { ADAPTERS, connectPort, TestAccount, until, type TestPort } from './test-account.ts';
import { freePort } from '../../../../test/services/free-port.ts';

const isInstalled = hasRedis('the suite of bad servers');

describe.skipIf(!isInstalled)('a server that cannot be used is refused at start', () => {
  let redis: TestRedis;
  let port: TestPort;
  const options = (more: Partial<RedisSemaphoreOptions> = {}): RedisSemaphoreOptions => ({
    global: 2,
    session: 2,
    providers: { glm: 2 },
    redis: port,
    account: 'errors',
    assumeFresh: true,
    ...more,
  });

  beforeAll(async () => {
    redis = await startRedis();
    port = await connectPort(redis.url);
  });
  afterAll(async () => {
    port.end();
    await redis.close();
  });

  test.each(ADAPTERS)('UNREACHABLE: nothing answers, with a client of %s', async (adapter) => {
    const own = await startRedis();
    const lost = await connectPort(own.url, adapter);
    await own.kill();
    const start = createRedisSemaphore(options({ redis: lost, callTimeoutMs: 200 }));
    await expect(start).rejects.toMatchObject({ name: 'SharedAdmissionError', code: 'UNREACHABLE' });
    await expect(start).rejects.toSatisfy(SharedAdmissionError.is);
    lost.end();
    await own.close();
  });

  test('UNSUPPORTED_VERSION: older than 6.2', async () => {
    const old = { ...port, info: () => Promise.resolve('redis_version:6.0.16\r\nrole:master') };
    await expect(createRedisSemaphore(options({ redis: old }))).rejects.toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      message: 'Redis must be at least 6.2, got 6.0',
    });
  });

  test('READ_ONLY: a replica, and one that only turns out to be one', async () => {
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(await freePort())] });
    const reader = await connectPort(replica.url);
    await expect(createRedisSemaphore(options({ redis: reader }))).rejects.toMatchObject({ code: 'READ_ONLY' });
    const disguised = { ...reader, info: () => Promise.resolve('redis_version:7.2.0\r\nrole:master') };
    await expect(createRedisSemaphore(options({ redis: disguised }))).rejects.toMatchObject({ code: 'READ_ONLY' });
    reader.end();
    await replica.close();
  });

  test.each([
    ['a string', ['SET', 'exai:{foreign-1}:state', 'x'], 'foreign-1'],
    ['another hash', ['HSET', 'exai:{foreign-2}:state', 'a', 'b'], 'foreign-2'],
    ['another version', ['HSET', 'exai:{foreign-3}:state', 'v', '99'], 'foreign-3'],
    ['a list beside it', ['RPUSH', 'exai:{foreign-4}:queue', 'x'], 'foreign-4'],
  ])('FOREIGN_LAYOUT: %s under our key, which stays as it was', async (_, words, account) => {
    await port.command(...words);
    await expect(createRedisSemaphore(options({ account }))).rejects.toMatchObject({ code: 'FOREIGN_LAYOUT' });
    expect(await port.command('TYPE', words[1] ?? '')).not.toBe('none');
  });

  test('TTL_MISMATCH: others use another ttlMs; once they have left it may change', async () => {
    const account = new TestAccount(port, { ttlMs: 5000 });
    const first = await account.join();
    await expect(account.join({ ttlMs: 6000 })).rejects.toMatchObject({
      code: 'TTL_MISMATCH',
      message: 'the other processes of the account use ttlMs 5000',
    });
    await first.close();
    await account.join({ ttlMs: 6000 });
    await account.close();
  });

  test.each([
    [{ ttlMs: 50 }, 'ttlMs must be an integer of at least 100, got 50'],
    [{ ttlMs: 1000, callTimeoutMs: 501 }, 'callTimeoutMs must be at most half of ttlMs 1000, got 501'],
    [{ account: '' }, 'account must be a non-empty string, got ""'],
    [{ account: 'a{b}' }, 'account must not contain braces, got "a{b}"'],
    [{ unreachable: 'open' as 'closed' }, 'unreachable must be one of closed, share, got "open"'],
    [{ leak: 'off' as const }, 'a shared semaphore needs leak level track or above, got off'],
    [{ global: 0 }, 'global must be a positive integer, got 0'],
  ])('%j is a RangeError', async (more, message) => {
    await expect(createRedisSemaphore(options(more))).rejects.toThrow(new RangeError(message));
  });

  test('an account never seen before grants nothing for one ttlMs, unless told that it is new', async () => {
    const account = new TestAccount(port, { assumeFresh: false, ttlMs: 1000 });
    const semaphore = await account.join();
    expect(semaphore.health().shared.mode).toBe('recovering');
    const startedAt = performance.now();
    const permit = await semaphore.acquire({ provider: 'glm', session: 's' });
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    permit.release();
    await until(() => semaphore.health().shared.mode === 'shared', 'it is shared');
    await account.close();
  });
});
