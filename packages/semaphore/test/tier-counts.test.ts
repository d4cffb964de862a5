import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore, type Permit, type SemaphoreEvents } from '../src/index.ts';
import { FakeClock, settled } from './fake-clock.ts';

describe('what tiers count', () => {
  it('are sessions that hold or wait, also one that comes back while it is still ahead of the others', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const ask = (session: string): Promise<Permit> => limits.acquire({ provider: 'glm', session });
    const first = await ask('b');
    const [a, b] = [ask('a'), ask('b')];
    void ask('b');
    first.release();
    (await a).release();
    await b;
    expect(limits.stats().sessions).toBe(1);
    void ask('a');
    expect(limits.stats().sessions).toBe(2);
  });

  it('are waiting calls too, until they are granted or give up', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1, kimi: 1 } });
    const ask = { provider: 'glm', session: 'a' };
    const held = await limits.acquire(ask);
    const controller = new AbortController();
    const next = limits.acquire(ask);
    const other = limits.acquire({ provider: 'kimi', session: 'b', signal: controller.signal });
    other.catch(() => {});
    const waiting = (): unknown => {
      const { global, providers, session, sessions } = limits.stats();
      return [global.waiting, providers['glm']?.waiting, providers['kimi']?.waiting, session.waiting, sessions];
    };
    expect(waiting()).toEqual([2, 1, 1, 2, 2]);
    controller.abort();
    await expect(other).rejects.toMatchObject({ code: 'ABORTED' });
    expect(waiting()).toEqual([1, 1, 0, 1, 1]);
    held.release();
    (await next).release();
    expect(waiting()).toEqual([0, 0, 0, 0, 0]);
  });

  it('are grants and releases in each of them, and late releases apart', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ global: 3, session: 2, providers: { glm: 2 }, clock, maxHoldMs: 20 });
    const ask = { provider: 'glm', session: 'a' };
    const late: SemaphoreEvents['lateRelease'][] = [];
    limits.on('lateRelease', (event) => late.push(event));
    const [first, second] = [await limits.acquire(ask), await limits.acquire(ask)];
    first.release();
    await clock.advance(40);
    await settled();
    second.release();
    const { global, providers, session } = limits.stats();
    const counted = { granted: 2, released: 1, lateReleases: 1, recovered: 1, held: 0 };
    expect([global, providers['glm'], session]).toMatchObject([counted, counted, { granted: 2, released: 1 }]);
    expect(late).toMatchObject([{ id: 2 }]);
  });
});

describe('a refusal', () => {
  const full = { global: 4, session: 1, providers: { glm: 2, kimi: 9 } };

  it('is counted in the tier that was full, and names those who hold it', async () => {
    const limits = new TieredSemaphore(full);
    await limits.acquire({ provider: 'glm', session: 'a' });
    await limits.acquire({ provider: 'glm', session: 'b' });
    await limits.acquire({ provider: 'kimi', session: 'c' });
    const refusal = (provider: string, session: string): Promise<unknown> =>
      limits.acquire({ provider, session, timeoutMs: 0 }).catch((error: unknown) => error);
    const held = (...sessions: string[]): unknown => sessions.map((session) => expect.objectContaining({ session }));
    expect(await refusal('kimi', 'a')).toMatchObject({ tier: 'session', holders: held('a') });
    expect(await refusal('glm', 'd')).toMatchObject({ tier: 'provider', holders: held('a', 'b') });
    await limits.acquire({ provider: 'kimi', session: 'e' });
    expect(await refusal('kimi', 'f')).toMatchObject({ tier: 'global', holders: held('a', 'b', 'c', 'e') });
    const { global, providers, session } = limits.stats();
    expect([global, providers['glm'], providers['kimi'], session].map((tier) => tier?.rejected.TIMEOUT)).toEqual([
      1, 1, 0, 1,
    ]);
  });

  it('names nobody where nobody is known', async () => {
    const semaphore = new Semaphore({ capacity: 1, leak: 'off' });
    await semaphore.acquire();
    const refusal: unknown = await semaphore.acquire({ timeoutMs: 0 }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'TIMEOUT' });
    expect(refusal).not.toHaveProperty('holders');
  });
});
