import { describe, expect, it } from 'vitest';

import { AcquireError, TieredSemaphore, type Permit, type TieredAsk, type TieredOptions } from '../src/index.ts';
import { FakeClock, settled, watch } from './fake-clock.ts';

const DEV: TieredOptions = { global: 5, session: 2, providers: { glm: 2, kimi: 3 } };

function glm(session: string, more: Partial<TieredAsk> = {}): TieredAsk {
  return { provider: 'glm', session, ...more };
}

function kimi(session: string, more: Partial<TieredAsk> = {}): TieredAsk {
  return { provider: 'kimi', session, ...more };
}

/** Takes what is free for these calls, in order. */
function takeAll(limits: TieredSemaphore, asks: readonly TieredAsk[]): Permit[] {
  return asks.map((ask) => limits.tryAcquire(ask)).filter((permit) => permit !== undefined);
}

describe('caps of the three tiers', () => {
  it.each([
    { binds: 'global', options: { global: 5, session: 9, providers: { glm: 4, kimi: 4 } }, most: 5 },
    { binds: 'provider', options: { global: 50, session: 50, providers: { glm: 2, kimi: 3 } }, most: 5 },
    { binds: 'session', options: { global: 50, session: 2, providers: { glm: 50, kimi: 50 } }, most: 6 },
  ])('lets the $binds tier alone bind', ({ options, most }) => {
    const limits = new TieredSemaphore(options);
    const asks = ['a', 'b', 'c'].flatMap((session) => [1, 2, 3, 4].flatMap(() => [glm(session), kimi(session)]));
    expect(takeAll(limits, asks)).toHaveLength(most);
    expect(limits.tier('global').held).toBe(most);
  });

  it('holds GLM to 2 and Kimi to 3 with the development limits, whoever asks', () => {
    const limits = new TieredSemaphore(DEV);
    expect(
      takeAll(
        limits,
        ['a', 'b', 'c', 'd'].map((session) => glm(session)),
      ),
    ).toHaveLength(2);
    expect(
      takeAll(
        limits,
        ['a', 'b', 'c', 'd'].map((session) => kimi(session)),
      ),
    ).toHaveLength(3);
    expect(limits.tier('provider', 'glm')).toMatchObject({ capacity: 2, held: 2, available: 0 });
    expect(limits.tier('provider', 'kimi')).toMatchObject({ capacity: 3, held: 3, available: 0 });
  });

  it('takes all tiers or none: a call that lacks one holds nothing of the others', async () => {
    const limits = new TieredSemaphore(DEV);
    takeAll(limits, [glm('a'), glm('b')]);
    const waiting = [1, 2, 3].map((n) => watch(limits.acquire(glm(`w${n}`))));
    expect(limits.tier('global').held).toBe(2);
    expect(takeAll(limits, [kimi('c'), kimi('d'), kimi('e')])).toHaveLength(3);
    await settled();
    expect(waiting.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
  });

  it('frees all three tiers by one release, and only once', () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const permit = limits.tryAcquire(glm('a'));
    expect(limits.tryAcquire(glm('a'))).toBeUndefined();
    expect(permit?.release()).toBe(true);
    expect(permit?.release()).toBe(false);
    expect(limits.tier('global').held).toBe(0);
    expect(takeAll(limits, [glm('a'), glm('a')])).toHaveLength(1);
  });
});

describe('a tier that is made larger', () => {
  it.each([
    ['global', { global: 1, session: 9, providers: { glm: 9 } }],
    ['provider', { global: 9, session: 9, providers: { glm: 1 } }],
    ['session', { global: 9, session: 1, providers: { glm: 9 } }],
  ] as const)('lets those in who wait for it (%s), as many as fit', async (tier, options) => {
    const limits = new TieredSemaphore(options);
    await limits.acquire(glm('a'));
    const waiting = [1, 2, 3].map(() => watch(limits.acquire(glm('a'))));
    const view = tier === 'provider' ? limits.tier(tier, 'glm') : limits.tier(tier);
    view.resize(3);
    await settled();
    expect(waiting.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'pending']);
  });
});

describe('order and fairness', () => {
  it('serves of the calls of one session to several providers the most urgent, then the first', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1, kimi: 1, moon: 1 } });
    const order: string[] = [];
    const first = await limits.acquire(glm('a'));
    const calls = [
      { provider: 'glm', priority: 0 },
      { provider: 'kimi', priority: 0 },
      { provider: 'moon', priority: 5 },
      { provider: 'kimi', priority: 5 },
      { provider: 'moon', priority: 0 },
    ].map((ask) => limits.run({ session: 'a', ...ask }, () => order.push(`${ask.provider} ${ask.priority}`)));
    first.release();
    await Promise.all(calls);
    expect(order).toEqual(['moon 5', 'kimi 5', 'glm 0', 'kimi 0', 'moon 0']);
  });

  it('lets nobody pay for what a session of small weight was served, when another goes idle', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: string[] = [];
    const ask = async (name: string): Promise<void> => {
      const weight = name.startsWith('h') ? 0.1 : 1;
      const permit = await limits.acquire(glm(name.charAt(0), { weight }));
      order.push(name);
      await settled();
      permit.release();
    };
    const calls = ['x1', 'h1', 'a1', 'c1', 'c2', 'h2'].map(ask);
    calls.push((calls[2] ?? Promise.resolve()).then(() => ask('a2')));
    await Promise.all(calls);
    expect(order).toEqual(['x1', 'h1', 'a1', 'c1', 'c2', 'a2', 'h2']);
  });

  it('serves the calls of one session to one provider in order', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: number[] = [];
    const first = await limits.acquire(glm('a'));
    const calls = [1, 2, 3].map((n) => limits.run(glm('a'), () => order.push(n)));
    first.release();
    await Promise.all(calls);
    expect(order).toEqual([1, 2, 3]);
  });

  it('lets a newcomer session in after at most one call of a session with a long backlog', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: string[] = [];
    const first = await limits.acquire(glm('hog'));
    const calls = Array.from({ length: 20 }, () => limits.run(glm('hog'), () => order.push('hog')));
    calls.push(limits.run(glm('light'), () => order.push('light')));
    first.release();
    await Promise.all(calls);
    expect(order.indexOf('light')).toBeLessThanOrEqual(1);
  });

  it('takes turns between sessions with backlogs', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: string[] = [];
    const first = await limits.acquire(glm('z'));
    const calls = ['a', 'b', 'c'].flatMap((session) =>
      [1, 2, 3].map(() => limits.run(glm(session), () => order.push(session))),
    );
    first.release();
    await Promise.all(calls);
    expect(order.join('')).toBe('abcabcabc');
  });

  it('serves a session of weight 2 twice as often', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: string[] = [];
    const first = await limits.acquire(glm('z'));
    const calls = ['a', 'b'].flatMap((session) =>
      Array.from({ length: 12 }, () =>
        limits.run(glm(session, { weight: session === 'a' ? 2 : 1 }), () => order.push(session)),
      ),
    );
    first.release();
    await Promise.all(calls);
    expect(order.slice(0, 12).filter((session) => session === 'a')).toHaveLength(8);
  });

  it('orders by priority within a session, and gives a session no edge over another', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: string[] = [];
    const first = await limits.acquire(glm('z'));
    const calls = [
      limits.run(glm('a', { priority: 0 }), () => order.push('a0')),
      limits.run(glm('b'), () => order.push('b')),
      limits.run(glm('a', { priority: 5 }), () => order.push('a5')),
    ];
    first.release();
    await Promise.all(calls);
    expect(order).toEqual(['b', 'a5', 'a0']);
  });

  it('puts a retry at the head of its own session and charges the session again', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const order: string[] = [];
    const first = await limits.acquire(glm('a'));
    const calls = [
      limits.run(glm('a'), () => order.push('a1')),
      limits.run(glm('b'), () => order.push('b1')),
      limits.run(glm('a', { retry: true }), () => order.push('retry')),
      limits.run(glm('a'), () => order.push('a2')),
      limits.run(glm('b'), () => order.push('b2')),
    ];
    first.release();
    await Promise.all(calls);
    // Uncharged, a2 would come before b2.
    expect(order.join()).toBe('b1,retry,a1,b2,a2');
  });

  it('does not let the backlog of one provider delay another, within one session too', async () => {
    const limits = new TieredSemaphore(DEV);
    takeAll(limits, [glm('b'), glm('c')]);
    const backlog = Array.from({ length: 10 }, () => watch(limits.acquire(glm('a'))));
    expect(limits.tryAcquire(kimi('a'))).toBeDefined();
    expect(backlog.every(({ state }) => state === 'pending')).toBe(true);
  });
});

describe('ends of a wait', () => {
  const narrow = { global: 1, session: 1, providers: { glm: 1 } };

  it('rejects with ABORTED at once and lets those behind move up', async () => {
    const limits = new TieredSemaphore(narrow);
    const held = await limits.acquire(glm('a'));
    const controller = new AbortController();
    const aborted = watch(limits.acquire(glm('b', { signal: controller.signal })));
    const next = watch(limits.acquire(glm('c')));
    controller.abort('changed my mind');
    await settled();
    expect(aborted.error).toMatchObject({ code: 'ABORTED', cause: 'changed my mind' });
    expect(limits.waiting).toBe(1);
    held.release();
    await settled();
    expect(next.state).toBe('resolved');
  });

  it('rejects with TIMEOUT after timeoutMs and frees the place in the queue', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ ...narrow, clock });
    await limits.acquire(glm('a', { label: 'slow chat' }));
    const waiting = watch(limits.acquire(glm('b', { timeoutMs: 100 })));
    await clock.advance(99);
    expect(waiting.state).toBe('pending');
    await clock.advance(1);
    expect(waiting.error).toMatchObject({ code: 'TIMEOUT', tier: 'provider', provider: 'glm', limit: 1, held: 1 });
    expect(waiting.error.message).toContain('"slow chat"');
    expect(waiting.error.holders[0]).toMatchObject({ label: 'slow chat', state: 'held', session: 'a' });
    expect(waiting.error.retryAfterMs).toBeGreaterThan(0);
    expect(limits.waiting).toBe(0);
  });

  it('rejects with DEADLINE_EXCEEDED at deadlineAt, and minRunMs before it', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ ...narrow, clock, minRunMs: 30 });
    await limits.acquire(glm('a'));
    const waiting = watch(limits.acquire(glm('b', { deadlineAt: clock.now() + 100 })));
    await clock.advance(69);
    expect(waiting.state).toBe('pending');
    await clock.advance(1);
    expect(waiting.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('sends no waiter whose deadline passed while the loop was blocked', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ ...narrow, clock });
    const held = await limits.acquire(glm('a'));
    const dead = watch(limits.acquire(glm('b', { deadlineAt: clock.now() + 100 })));
    const alive = watch(limits.acquire(glm('c')));
    clock.time += 200;
    held.release();
    await settled();
    expect(dead.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(alive.state).toBe('resolved');
  });

  it('refuses with OVER_CAPACITY beyond maxWaiting, and beyond maxWaitingPerSession', async () => {
    const limits = new TieredSemaphore({ ...narrow, maxWaiting: 3, maxWaitingPerSession: 2 });
    await limits.acquire(glm('a'));
    void limits.acquire(glm('b')).catch(() => {});
    void limits.acquire(glm('b')).catch(() => {});
    await expect(limits.acquire(glm('b'))).rejects.toMatchObject({
      code: 'OVER_CAPACITY',
      tier: 'session',
      maxWaiting: 2,
    });
    void limits.acquire(glm('c')).catch(() => {});
    await expect(limits.acquire(glm('d'))).rejects.toMatchObject({ code: 'OVER_CAPACITY', maxWaiting: 3 });
    expect(limits.waiting).toBe(3);
  });

  it('refuses unknown providers with a RangeError, or gives them the default capacity', async () => {
    const limits = new TieredSemaphore(narrow);
    await expect(limits.acquire({ provider: 'gpt', session: 'a' })).rejects.toBeInstanceOf(RangeError);
    await expect(limits.acquire({ provider: 'constructor', session: 'a' })).rejects.toBeInstanceOf(RangeError);
    const open = new TieredSemaphore({ ...narrow, global: 9, session: 9, defaultProvider: 2 });
    const asks = [1, 2, 3].map(() => ({ provider: 'glm:other', session: 'a' }));
    const permits = takeAll(open, asks);
    expect(permits).toHaveLength(2);
    for (const permit of permits) permit.release();
    expect(Object.keys(open.stats().providers)).toEqual(['glm']);
  });
});

describe('lifecycle', () => {
  it('tells position and waiting of a session', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    await limits.acquire(glm('a'));
    for (const session of ['b', 'c', 'c', 'd']) void limits.acquire(glm(session));
    expect(limits.queue(glm('b'))).toMatchObject({ position: 1, waiting: 4 });
    expect(limits.queue(glm('d'))).toMatchObject({ position: 3, waiting: 4 });
    expect(limits.queue(glm('nobody'))).toMatchObject({ position: 0, waiting: 4 });
  });

  it('lists holders and statistics per tier', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ ...DEV, clock });
    const permit = await limits.acquire(glm('a', { label: 'chat' }));
    await limits.acquire(kimi('b'));
    await clock.advance(5000);
    expect(limits.holders()).toMatchObject([
      { id: 1, fence: 1, provider: 'glm', session: 'a', label: 'chat', weight: 1, ageMs: 5000, state: 'held' },
      { id: 2, provider: 'kimi', session: 'b' },
    ]);
    permit.release();
    const stats = limits.stats();
    expect(stats.sessions).toBe(1);
    expect(stats.global).toMatchObject({
      capacity: 5,
      held: 1,
      granted: 2,
      released: 1,
      waiting: 0,
      oldestHoldMs: 5000,
    });
    expect(stats.providers['glm']).toMatchObject({ type: 'provider', provider: 'glm', held: 0, granted: 1 });
    expect(stats.session).toMatchObject({ provider: 'none', held: 1, granted: 2 });
    expect(stats.global.wait.boundsMs).toEqual([
      1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    ]);
    expect(stats.global.wait.counts[0]).toBe(2);
  });

  it('blames the tier that was full for a wait', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ ...DEV, clock });
    const held = takeAll(limits, [glm('a'), glm('b')]);
    const waiting = limits.acquire(glm('c'));
    await clock.advance(700);
    held[0]?.release();
    expect((await waiting).waitedMs).toBe(700);
    const { global, providers, session } = limits.stats();
    expect(providers['glm']?.wait).toMatchObject({ sumMs: 700, count: 3 });
    expect(global.wait).toMatchObject({ sumMs: 0, count: 3 });
    expect(session.wait).toMatchObject({ sumMs: 0, count: 3 });
  });

  it('forgets idle sessions', async () => {
    const limits = new TieredSemaphore({ ...DEV, global: 2 });
    for (let n = 0; n < 500; n += 1) await limits.run(kimi(`s${n}`), () => undefined);
    expect(limits.stats().sessions).toBe(0);
    const stayer = await limits.acquire(glm('stayer'));
    for (let n = 0; n < 500; n += 1) await limits.run(kimi(`s${n}`), () => undefined);
    expect(limits.stats().sessions).toBeLessThanOrEqual(3);
    stayer.release();
    expect(limits.stats().sessions).toBe(0);
  });

  it('closes: rejects waiters and newcomers with CLOSED and resolves when the last permit is back', async () => {
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 } });
    const permit = await limits.acquire(glm('a'));
    const waiting = watch(limits.acquire(glm('b')));
    const closing = watch(limits.close({ reason: 'shutdown' }));
    await settled();
    expect(waiting.error).toMatchObject({ code: 'CLOSED', cause: 'shutdown' });
    expect(AcquireError.is(waiting.error)).toBe(true);
    expect(closing.state).toBe('pending');
    await expect(limits.acquire(glm('c'))).rejects.toMatchObject({ code: 'CLOSED' });
    permit.release();
    await settled();
    expect(closing.state).toBe('resolved');
  });

  it('ends a session: rejects its waiters, aborts its holders, reclaims after the grace what they keep', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ ...DEV, session: 1, clock, graceMs: 1000 });
    const kept = await limits.acquire(glm('a', { label: 'stuck' }));
    const other = await limits.acquire(glm('b'));
    const waiting = watch(limits.acquire(glm('a')));
    const { signal } = kept;
    const ending = watch(limits.endSession('a'));
    await settled();
    expect(waiting.error).toMatchObject({ code: 'CLOSED' });
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'LOST' });
    expect(other.signal.aborted).toBe(false);
    await clock.advance(999);
    expect(ending.state).toBe('pending');
    await clock.advance(1);
    expect(ending.value).toMatchObject([{ label: 'stuck', state: 'leaked' }]);
    expect(limits.tier('session', 'a').held).toBe(0);
    expect(limits.tier('provider', 'glm').held).toBe(2);
    expect(limits.health()).toMatchObject({ healthy: false, quarantined: 1 });
    expect(kept.release()).toBe(false);
    expect(limits.tier('provider', 'glm').held).toBe(1);
    expect(limits.stats().global).toMatchObject({ lateReleases: 1, leaksDetected: 1, recovered: 1 });
    expect(limits.health().healthy).toBe(true);
  });

  it('keeps the cap of a session whose id is used again while work of its former self still runs', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ global: 9, session: 1, providers: { glm: 9 }, clock, graceMs: 10 });
    const former = await limits.acquire(glm('a'));
    const ending = limits.endSession('a');
    await clock.advance(20);
    await ending;
    const again = await limits.acquire(glm('a'));
    again.release();
    const held = await limits.acquire(glm('a'));
    expect(former.release()).toBe(false);
    expect(limits.tryAcquire(glm('a'))).toBeUndefined();
    held.release();
    // The id is free and the former self comes late once more: it must not put itself in the new one's place.
    const waiting = watch(limits.acquire(glm('a')));
    await settled();
    expect(waiting.state).toBe('resolved');
    expect(limits.tier('session', 'a').held).toBe(1);
  });

  it('ends a session at once when its holders let go on the signal', async () => {
    const limits = new TieredSemaphore(DEV);
    const permit = await limits.acquire(glm('a'));
    permit.signal.addEventListener('abort', () => permit.release());
    expect(await limits.endSession('a')).toEqual([]);
    expect(limits.stats().global).toMatchObject({ held: 0, leaksDetected: 0 });
  });

  it('recovers nothing when nothing is lost, however busy', async () => {
    const limits = new TieredSemaphore(DEV);
    const permits = takeAll(limits, [glm('a'), glm('b'), kimi('a'), kimi('b'), kimi('c')]);
    expect(await limits.recover({ collect: true })).toEqual({ status: 'success', recovered: 0, remaining: 0 });
    expect(limits.tier('global').held).toBe(5);
    expect(limits.health()).toMatchObject({ healthy: true, leaked: 0, global: { held: 5, limit: 5 } });
    expect(permits.every(({ held }) => held)).toBe(true);
  });
});
