import { describe, expect, it } from 'vitest';

import { AcquireError, Semaphore, type AcquireOptions, type FullPolicy } from '../src/index.ts';
import { FakeClock, settled, watch } from './fake-clock.ts';

/** Runs calls behind a single held permit and tells the order they were granted in. */
async function orderOf(semaphore: Semaphore, asks: readonly (AcquireOptions & { label: string })[]): Promise<string[]> {
  const first = await semaphore.acquire({ weight: semaphore.capacity });
  const order: string[] = [];
  const calls = asks.map((ask) => semaphore.run(() => order.push(ask.label), ask));
  first.release();
  await Promise.allSettled(calls);
  return order;
}

describe('order', () => {
  it('serves higher priorities first and first come first served within one', async () => {
    const asks = [
      { label: 'a', priority: 0 },
      { label: 'b', priority: 5 },
      { label: 'c', priority: -1 },
      { label: 'd', priority: 5 },
      { label: 'e', priority: 0 },
    ];
    expect(await orderOf(new Semaphore(1), asks)).toEqual(['b', 'd', 'a', 'e', 'c']);
  });

  it('lets no lighter call overtake a heavy one at the head', async () => {
    const semaphore = new Semaphore(3);
    const first = await semaphore.acquire({ weight: 2 });
    const heavy = watch(semaphore.acquire({ weight: 3 }));
    const light = watch(semaphore.acquire());
    expect(semaphore.tryAcquire()).toBeUndefined();
    await settled();
    expect([heavy.state, light.state]).toEqual(['pending', 'pending']);
    first.release();
    await settled();
    expect([heavy.state, light.state]).toEqual(['resolved', 'pending']);
  });

  it('lets tryAcquire ahead of lower priorities only', async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire();
    void semaphore.acquire({ weight: 2 });
    expect(semaphore.tryAcquire()).toBeUndefined();
    expect(semaphore.tryAcquire({ priority: 1 })).toBeDefined();
  });

  it('frees those behind a heavy waiter when it is cancelled', async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire();
    const controller = new AbortController();
    const heavy = watch(semaphore.acquire({ weight: 2, signal: controller.signal }));
    const light = watch(semaphore.acquire());
    controller.abort();
    await settled();
    expect([heavy.state, light.state]).toEqual(['rejected', 'resolved']);
  });
});

describe('waiting', () => {
  it('does not wait at all with timeoutMs 0', async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.acquire({ timeoutMs: 0 });
    await expect(semaphore.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    permit.release();
    await semaphore.acquire({ timeoutMs: 0 });
  });

  it('counts what a call waited and names the holders when it gives up', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    const held = await semaphore.acquire({ label: 'slow' });
    const patient = semaphore.acquire({ timeoutMs: 500 });
    const hasty = watch(semaphore.acquire({ timeoutMs: 100 }));
    await clock.advance(100);
    expect(hasty.error.message).toBe(
      'no permit after 100 ms: timeoutMs passed; 1 of 1 held in the global tier by #1 "slow" (held, 100 ms)',
    );
    expect(hasty.error).toMatchObject({ tier: 'global', limit: 1, held: 1, waiting: 2 });
    held.release();
    const permit = await patient;
    expect(permit.waitedMs).toBe(100);
    expect(semaphore.stats().wait).toMatchObject({ sumMs: 100, count: 2 });
    expect(semaphore.stats().wait.counts.slice(0, 5)).toEqual([1, 0, 0, 0, 1]);
  });

  it('keeps one timer for all deadlines, and none when nobody waits', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, leak: 'off' });
    const held = await semaphore.acquire();
    const calls = Array.from({ length: 100 }, (_, n) => watch(semaphore.acquire({ timeoutMs: 1000 - n })));
    expect(clock.pending).toBe(1);
    await clock.advance(950);
    expect(calls.filter(({ state }) => state === 'rejected')).toHaveLength(50);
    held.release();
    semaphore.cancelAll();
    expect(clock.pending).toBe(0);
  });

  it('outlasts the longest timer of the platform', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, leak: 'off' });
    await semaphore.acquire();
    const waiting = watch(semaphore.acquire({ timeoutMs: 2 ** 31 + 10 }));
    await clock.advance(2 ** 31);
    expect(waiting.state).toBe('pending');
    await clock.advance(10);
    expect(waiting.error).toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('a full queue', () => {
  const fill = async (onFull: FullPolicy): Promise<{ newcomer: string; rejected: string[] }> => {
    const semaphore = new Semaphore({ capacity: 1, maxWaiting: 3, onFull });
    const rejected: string[] = [];
    semaphore.on('rejected', ({ label, code }) => rejected.push(`${label ?? 'newcomer'} ${code}`));
    await semaphore.acquire();
    for (const [label, priority] of [
      ['a', 1],
      ['b', 0],
      ['c', 0],
    ] as const)
      semaphore.acquire({ label, priority }).catch(() => {});
    const newcomer = watch(semaphore.acquire({ priority: 1 }));
    await settled();
    expect(semaphore.waiting).toBe(3);
    return { newcomer: newcomer.state, rejected };
  };

  it.each([
    ['reject', { newcomer: 'rejected', rejected: ['newcomer OVER_CAPACITY'] }],
    ['evict-oldest', { newcomer: 'pending', rejected: ['a OVER_CAPACITY'] }],
    ['evict-lowest', { newcomer: 'pending', rejected: ['c OVER_CAPACITY'] }],
  ] as const)('goes by %s', async (onFull, outcome) => {
    expect(await fill(onFull)).toEqual(outcome);
  });

  it('refuses a newcomer that is no better than the lowest', async () => {
    const semaphore = new Semaphore({ capacity: 1, maxWaiting: 1, onFull: 'evict-lowest' });
    await semaphore.acquire();
    const accepted = watch(semaphore.acquire());
    await expect(semaphore.acquire()).rejects.toMatchObject({ code: 'OVER_CAPACITY', maxWaiting: 1 });
    expect(accepted.state).toBe('pending');
  });

  it('never waits with maxWaiting 0', async () => {
    const semaphore = new Semaphore({ capacity: 1, maxWaiting: 0 });
    await semaphore.acquire();
    const error = await semaphore.acquire().catch((reason: unknown) => reason);
    expect(AcquireError.is(error) && error.code).toBe('OVER_CAPACITY');
    expect(AcquireError.is(error) && error.retryAfterMs).toBeGreaterThanOrEqual(100);
  });

  it('lets in whoever fits once the heavy waiter before it was evicted', async () => {
    const semaphore = new Semaphore({ capacity: 2, maxWaiting: 1, onFull: 'evict-oldest' });
    await semaphore.acquire();
    semaphore.acquire({ weight: 2 }).catch(() => {});
    await semaphore.acquire();
    expect(semaphore.held).toBe(2);
  });

  it('sheds calls that waited over twice the target when even the shortest wait is too long', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, shed: { targetMs: 100, intervalMs: 1000 } });
    const codes: string[] = [];
    semaphore.on('rejected', ({ code }) => codes.push(code));
    let permit = await semaphore.acquire();
    for (let n = 0; n < 40; n += 1)
      semaphore.acquire().then(
        (next) => (permit = next),
        () => {},
      );
    for (let n = 0; n < 10; n += 1) {
      await clock.advance(300);
      permit.release();
      await settled();
    }
    expect(codes.length).toBeGreaterThan(20);
    expect(new Set(codes)).toEqual(new Set(['SHED']));
    const burst = new Semaphore({ capacity: 1, clock, shed: { targetMs: 100, intervalMs: 1000 } });
    const first = await burst.acquire();
    const waiting = watch(burst.acquire());
    await clock.advance(300);
    first.release();
    await settled();
    expect(waiting.state).toBe('resolved');
  });
});

describe('resize', () => {
  it('rejects waiters that could never be granted', async () => {
    const semaphore = new Semaphore(4);
    const first = await semaphore.acquire({ weight: 2 });
    const heavy = watch(semaphore.acquire({ weight: 4 }));
    const light = watch(semaphore.acquire({ weight: 2 }));
    semaphore.resize(2);
    await settled();
    expect(heavy.error).toBeInstanceOf(RangeError);
    expect(light.state).toBe('pending');
    first.release();
    await settled();
    expect(light.state).toBe('resolved');
  });

  it('counts only, with capacity Infinity', async () => {
    const semaphore = new Semaphore({ capacity: Infinity });
    await Promise.all(Array.from({ length: 1000 }, () => semaphore.acquire()));
    expect(semaphore).toMatchObject({ held: 1000, available: Infinity });
  });
});

describe('permits', () => {
  it('release by using, also after an early release', async () => {
    const semaphore = new Semaphore(1);
    {
      using permit = await semaphore.acquire();
      expect(permit.held).toBe(true);
    }
    expect(semaphore.held).toBe(0);
    {
      await using permit = await semaphore.acquire();
      permit.release();
    }
    expect(semaphore.held).toBe(0);
  });

  it('carry a fence that grows with every grant', async () => {
    const semaphore = new Semaphore(2);
    const [a, b] = [await semaphore.acquire(), await semaphore.acquire()];
    a.release();
    const c = await semaphore.acquire();
    expect([a.fence, b.fence, c.fence]).toEqual([1, 2, 3]);
  });

  it('hand over a live signal that aborts on a forced close', async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.acquire();
    expect(permit.signal).toBe(permit.signal);
    const closed = watch(semaphore.close({ force: true }));
    expect(permit.signal.reason).toMatchObject({ code: 'CLOSED' });
    permit.release();
    await settled();
    expect(closed.state).toBe('resolved');
  });
});

describe('drain and close', () => {
  it('drains when nothing is held or waiting', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.drain();
    const first = await semaphore.acquire();
    const second = semaphore.acquire();
    const drained = watch(semaphore.drain());
    first.release();
    await settled();
    expect(drained.state).toBe('pending');
    (await second).release();
    await settled();
    expect(drained.state).toBe('resolved');
  });

  it('gives up draining by timeout or signal, naming the holders', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    await semaphore.acquire({ label: 'stuck' });
    const timed = watch(semaphore.drain({ timeoutMs: 50 }));
    const controller = new AbortController();
    const aborted = watch(semaphore.drain({ signal: controller.signal }));
    controller.abort('enough');
    await clock.advance(50);
    expect(timed.error).toMatchObject({ code: 'TIMEOUT' });
    expect(timed.error.message).toContain('"stuck"');
    expect(aborted.error).toMatchObject({ code: 'ABORTED', cause: 'enough' });
  });

  it('closes at the end of an `await using` scope', async () => {
    let kept: Semaphore | undefined;
    {
      await using semaphore = new Semaphore(1);
      kept = semaphore;
      (await semaphore.acquire()).release();
    }
    await expect(kept.acquire()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(kept.tryAcquire()).toBeUndefined();
  });
});

describe('streams', () => {
  async function* count(to: number): AsyncGenerator<number> {
    for (let n = 1; n <= to; n += 1) yield n;
  }

  it('take the permit at the first read and give it back at the end', async () => {
    const semaphore = new Semaphore(1);
    const stream = semaphore.runStream(() => count(3));
    expect(semaphore.held).toBe(0);
    const seen: number[] = [];
    for await (const n of stream) {
      seen.push(n);
      expect(semaphore.held).toBe(1);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(semaphore.held).toBe(0);
  });

  it.each(['break', 'throw'])('give it back on %s', async (how) => {
    const semaphore = new Semaphore(1);
    const consume = async (): Promise<void> => {
      for await (const _ of semaphore.runStream(() => count(3))) {
        if (how === 'throw') throw new Error('enough');
        break;
      }
    };
    await consume().catch(() => {});
    expect(semaphore.held).toBe(0);
  });

  it.each([
    ['throws before the first chunk', () => JSON.parse('{')],
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'fails midway',
      async function* () {
        yield 1;
        throw new Error('midway');
      },
    ],
  ])('give it back when the source %s', async (_, source) => {
    const semaphore = new Semaphore(1);
    const consume = async (): Promise<void> => {
      for await (const _ of semaphore.runStream(source));
    };
    await expect(consume()).rejects.toThrow();
    expect(semaphore.held).toBe(0);
  });

  it('take nothing if never read', async () => {
    const semaphore = new Semaphore(1);
    semaphore.runStream(() => count(3));
    expect(semaphore).toMatchObject({ held: 0, waiting: 0 });
  });
});

describe('events', () => {
  it('tell grants and releases as plain data', async () => {
    const semaphore = new Semaphore(1);
    const seen: unknown[] = [];
    const offs = [
      semaphore.on('acquired', (event) => seen.push(['acquired', event.id, event.label, event.waitedMs])),
      semaphore.on('released', (event) => seen.push(['released', event.id, event.outcome])),
    ];
    (await semaphore.acquire({ label: 'chat' })).release('overload');
    for (const off of offs) off();
    (await semaphore.acquire()).release();
    expect(seen).toEqual([
      ['acquired', 1, 'chat', 0],
      ['released', 1, 'overload'],
    ]);
  });

  it('survive listeners that throw, and listeners that acquire and release', async () => {
    const semaphore = new Semaphore(1);
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    semaphore.on('released', () => {
      throw new Error('bad listener');
    });
    semaphore.on('released', () => semaphore.tryAcquire()?.touch());
    const permit = await semaphore.acquire();
    const waiting = watch(semaphore.acquire());
    permit.release();
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.off('warning', onWarning);
    expect(warnings).toContain('SemaphoreListenerWarning');
    expect(semaphore.held).toBe(1);
    expect(waiting.state).toBe('resolved');
  });

  it('tell health at an interval while somebody listens', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock, healthCheckMs: 1000 });
    const reports: unknown[] = [];
    const off = semaphore.on('health', (report) => reports.push(report));
    await semaphore.acquire();
    await clock.advance(2500);
    expect(reports).toHaveLength(2);
    expect(reports[0]).toMatchObject({ healthy: true, global: { capacity: 2, held: 1, waiting: 0 }, sessions: 0 });
    off();
    await clock.advance(5000);
    expect(reports).toHaveLength(2);
  });
});

describe('a refusal before any wait', () => {
  it('comes with exactly minRunMs left, not with a millisecond more', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, minRunMs: 30 });
    await expect(semaphore.acquire({ deadlineAt: clock.now() + 30 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await expect(semaphore.acquire({ deadlineAt: clock.now() + 31 })).resolves.toBeDefined();
  });

  it.each([
    [0, 'capacity must be a positive integer, got 0'],
    ['5', 'capacity must be a positive integer, got "5"'],
    [undefined, 'capacity must be a positive integer, got undefined'],
  ])('for a bad argument (%j) names it, the rule and the value', (capacity, message) => {
    expect(() => new Semaphore({ capacity: capacity as number })).toThrow(new RangeError(message));
  });
});

describe('a wait that is over', () => {
  it('is never granted, though its timer has not fired yet', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    const first = await semaphore.acquire();
    const [late, next] = [watch(semaphore.acquire({ timeoutMs: 50 })), watch(semaphore.acquire())];
    clock.time = 50;
    first.release();
    await settled();
    expect(late.error).toMatchObject({ code: 'TIMEOUT' });
    expect(next.state).toBe('resolved');
  });

  it('by its deadline and its time-out at once is over by its deadline', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    await semaphore.acquire();
    const waiting = watch(semaphore.acquire({ timeoutMs: 50, deadlineAt: clock.now() + 50 }));
    await clock.advance(50);
    expect(waiting.error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});

describe('several that wait for one thing', () => {
  it('for idleness: one that gives up takes no other with it', async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.acquire();
    const controller = new AbortController();
    const [first, second] = [watch(semaphore.drain({ signal: controller.signal })), watch(semaphore.drain())];
    controller.abort();
    await settled();
    expect([first.error?.code, second.state]).toEqual(['ABORTED', 'pending']);
    permit.release();
    await settled();
    expect(second.state).toBe('resolved');
  });

  it('one after the other with the same signal: it is heard by the second too', async () => {
    const semaphore = new Semaphore(1);
    const controller = new AbortController();
    const { signal } = controller;
    const permit = await semaphore.acquire();
    const first = semaphore.acquire({ signal });
    permit.release();
    await first;
    const second = watch(semaphore.acquire({ signal }));
    controller.abort();
    await settled();
    expect(second.error?.code).toBe('ABORTED');
  });
});
