import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore, type CommonAsk, type CommonOptions, type Permit } from '../src/index.ts';
import { FakeClock, microtasks, settled, watch } from './fake-clock.ts';

/** What the scenes use of either class; tiered permits always weigh 1. */
interface Pool {
  acquire(ask?: CommonAsk & { weight?: number }): Promise<Permit>;
  run<T>(task: (permit: Permit) => T | PromiseLike<T>, ask?: CommonAsk): Promise<T>;
  cancelAll(reason?: unknown): number;
  resize(capacity: number): void;
  recover(): Promise<unknown>;
  readonly held: number;
  readonly waiting: number;
}

const KINDS = {
  Semaphore(capacity: number, options: CommonOptions = {}): Pool {
    return new Semaphore({ capacity, ...options });
  },
  TieredSemaphore(capacity: number, options: CommonOptions = {}): Pool {
    const limits = new TieredSemaphore({ global: capacity, session: 1000, providers: { glm: 1000 }, ...options });
    const ask = { provider: 'glm', session: 'a' };
    return {
      acquire: (more) => limits.acquire({ ...ask, ...more }),
      run: (task, more) => limits.run({ ...ask, ...more }, task),
      cancelAll: (reason) => limits.cancelAll(reason),
      resize: (n) => limits.tier('global').resize(n),
      recover: () => limits.recover({ collect: true }),
      get held() {
        return limits.tier('global').held;
      },
      get waiting() {
        return limits.waiting;
      },
    };
  },
};

const DEPTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8];

const CASES = Object.entries(KINDS).flatMap(([kind, create]) => DEPTHS.map((depth) => ({ kind, create, depth })));

describe.each(CASES)('the 22 scenes on $kind, $depth microtasks between the steps', ({ kind, create, depth }) => {
  it('1 does not over-admit', async () => {
    const pool = create(1);
    const first = await pool.acquire();
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      const permit = await pool.acquire();
      running += 1;
      most = Math.max(most, running);
      await microtasks(3);
      running -= 1;
      permit.release();
    };
    const waiting = work();
    first.release();
    await microtasks(depth);
    await Promise.all([waiting, work()]);
    expect(most).toBe(1);
  });

  it('2 lets no newcomer overtake', async () => {
    const pool = create(1);
    const first = await pool.acquire();
    const order: string[] = [];
    const waiting = pool.run(() => order.push('waiting'));
    first.release();
    await microtasks(depth);
    await Promise.all([waiting, pool.run(() => order.push('newcomer'))]);
    expect(order).toEqual(['waiting', 'newcomer']);
  });

  it('3 never bounces accepted work for a newcomer', async () => {
    const pool = create(1, { maxWaiting: 1 });
    const first = await pool.acquire();
    const accepted = watch(pool.run(() => 'done'));
    first.release();
    await microtasks(depth);
    await pool.run(() => 'newcomer').catch(() => {});
    await settled();
    expect(accepted).toMatchObject({ state: 'resolved', value: 'done' });
  });

  it('7 frees no held permit when a waiter is aborted', async () => {
    const pool = create(1);
    const first = await pool.acquire();
    const controller = new AbortController();
    const waiting = watch(pool.acquire({ signal: controller.signal }));
    await microtasks(depth);
    controller.abort();
    const next = watch(pool.acquire());
    await settled();
    expect(waiting.state).toBe('rejected');
    expect(next.state).toBe('pending');
    expect(first.held).toBe(true);
  });

  it('8 loses no permit when the abort comes in the tick of the grant', async () => {
    const pool = create(1);
    const first = await pool.acquire();
    const controller = new AbortController();
    const waiting = pool.acquire({ signal: controller.signal });
    first.release();
    await microtasks(depth);
    controller.abort();
    const outcome = await waiting.then(
      (permit) => permit.release(),
      () => 'aborted',
    );
    expect([true, 'aborted']).toContain(outcome);
    expect(watch(pool.acquire())).toBeDefined();
    await settled();
    expect(pool.held).toBe(1);
    expect(pool.waiting).toBe(0);
  });

  it('4 takes a timed-out waiter out of the queue', async () => {
    const clock = new FakeClock();
    const pool = create(1, { clock });
    const first = await pool.acquire();
    const late = watch(pool.acquire({ timeoutMs: 15 }));
    await clock.advance(15);
    expect(late.error).toMatchObject({ code: 'TIMEOUT' });
    expect(pool.waiting).toBe(0);
    first.release();
    await microtasks(depth);
    expect(watch(pool.acquire()).state).toBe('pending');
    await settled();
    expect(pool.held).toBe(1);
  });

  it('5 harms nobody with a timer that outlives its grant', async () => {
    const clock = new FakeClock();
    const pool = create(1, { clock });
    const first = await pool.acquire();
    const second = pool.acquire({ timeoutMs: 10 });
    first.release();
    await microtasks(depth);
    (await second).release();
    const third = await pool.acquire();
    const fourth = watch(pool.acquire());
    await clock.advance(50);
    expect(fourth.state).toBe('pending');
    third.release();
    await settled();
    expect(fourth.state).toBe('resolved');
  });

  it('6 removes an aborted waiter and frees the ones behind', async () => {
    const pool = create(1);
    const first = await pool.acquire();
    const controller = new AbortController();
    const aborted = watch(pool.acquire({ signal: controller.signal }));
    const behind = watch(pool.acquire());
    controller.abort();
    await microtasks(depth);
    first.release();
    await settled();
    expect([aborted.state, behind.state]).toEqual(['rejected', 'resolved']);
  });

  it('9 refuses an already aborted signal even with a free permit', async () => {
    const pool = create(1);
    const refused = pool.acquire({ signal: AbortSignal.abort('no') });
    refused.catch(() => {});
    await microtasks(depth);
    await expect(refused).rejects.toMatchObject({
      code: 'ABORTED',
      cause: 'no',
    });
    expect(pool.held).toBe(0);
  });

  it('10 adds no capacity by releasing a permit twice', async () => {
    const pool = create(1);
    const permit = await pool.acquire();
    expect(permit.release()).toBe(true);
    await microtasks(depth);
    expect(permit.release()).toBe(false);
    await pool.acquire();
    expect(watch(pool.acquire()).state).toBe('pending');
    expect(pool.held).toBe(1);
  });

  it('11 has no public release', () => {
    const pool: object = create(1);
    expect('release' in pool || 'setValue' in pool).toBe(false);
  });

  it('12 fails a weight above capacity, and keeps the queue moving', async () => {
    const pool = create(2);
    const outcome = watch(pool.acquire({ weight: 3 }));
    await microtasks(depth);
    await settled();
    // A tiered weight is a share and never more than one permit.
    expect(outcome.state).toBe(kind === 'Semaphore' ? 'rejected' : 'resolved');
    if (kind === 'Semaphore') expect(outcome.error).toBeInstanceOf(RangeError);
    await pool.acquire();
  });

  it.each([Number.NaN, 0, -1])('13, 14 rejects weight %d by the promise and clogs nothing', async (weight) => {
    const pool = create(1);
    const rejected = pool.acquire({ weight });
    rejected.catch(() => {});
    await microtasks(depth);
    await expect(rejected).rejects.toBeInstanceOf(RangeError);
    await pool.acquire();
    expect(pool.held).toBe(1);
  });

  it('15 keeps the new limit when resized with holders', async () => {
    const pool = create(1);
    const first = await pool.acquire();
    const waiting = Array.from({ length: 9 }, () => watch(pool.acquire()));
    pool.resize(5);
    await microtasks(depth);
    first.release();
    await settled();
    expect(waiting.filter(({ state }) => state === 'resolved')).toHaveLength(5);
    expect(pool.held).toBe(5);
  });

  it('16 does not over-admit when resized down, then up', async () => {
    const pool = create(5);
    const held = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()));
    const waiting = Array.from({ length: 5 }, () => watch(pool.acquire()));
    pool.resize(1);
    await microtasks(depth);
    pool.resize(3);
    await settled();
    expect(waiting.every(({ state }) => state === 'pending')).toBe(true);
    for (const permit of held) permit.release();
    await settled();
    expect(pool.held).toBe(3);
  });

  it('17 settles every waiter by cancelAll, each with an error of its own', async () => {
    const pool = create(1);
    await pool.acquire();
    const waiting = Array.from({ length: 5 }, () => watch(pool.acquire()));
    await microtasks(depth);
    expect(pool.cancelAll('enough')).toBe(5);
    await settled();
    expect(waiting.every(({ error }) => error.code === 'ABORTED' && error.cause === 'enough')).toBe(true);
    expect(new Set(waiting.map(({ error }) => error)).size).toBe(5);
  });

  it.each([
    ['throws', () => JSON.parse('{')],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('18 releases when the callback %s', async (_, task) => {
    const pool = create(1);
    const failing = pool.run(task);
    await microtasks(depth);
    await expect(failing).rejects.toThrow();
    expect(pool.held).toBe(0);
  });

  it("19 keeps the caller's AsyncLocalStorage in run", async () => {
    const pool = create(1);
    const store = new AsyncLocalStorage<number>();
    const seen = await Promise.all(
      [1, 2, 3, 4].map((n) => store.run(n, () => pool.run(() => microtasks(depth).then(() => store.getStore())))),
    );
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('20 puts 200 waiters on one signal behind one listener', async () => {
    const pool = create(1);
    await pool.acquire();
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>): void => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>): void => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    const waiting = Array.from({ length: 200 }, () => watch(pool.acquire({ signal })));
    expect(listeners).toBe(1);
    await microtasks(depth);
    controller.abort();
    await settled();
    expect(waiting.every(({ state }) => state === 'rejected')).toBe(true);
    expect(listeners).toBe(0);
  });

  it('21 reports a nested acquire by the same holder instead of waiting for ever', async () => {
    const pool = create(1, { deadlock: 'throw' });
    await expect(pool.run(() => microtasks(depth).then(() => pool.run(() => 'never')))).rejects.toMatchObject({
      code: 'DEADLOCK',
    });
    expect(pool.held).toBe(0);
  });

  it('22 gets a permit back that its holder dropped', async () => {
    const pool = create(1, { quarantineMs: 0 });
    await (async () => void (await pool.acquire()))();
    await microtasks(depth);
    const waiting = watch(pool.acquire());
    for (let turn = 0; turn < 20 && waiting.state === 'pending'; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      globalThis.gc?.();
    }
    expect(waiting.state).toBe('resolved');
  });
});
