import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore, type Permit } from '../src/index.ts';
import { FakeClock, microtasks, settled, watch } from './fake-clock.ts';

// Bugs found in the field, by the public thread that reported them. Each test is of the kind of the bug.

/** Waits until the check holds, collecting garbage in between. */
async function collectUntil(check: () => boolean): Promise<void> {
  for (let round = 0; round < 30 && !check(); round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    globalThis.gc?.();
  }
}

describe('waiters that give up', () => {
  it('async-mutex #54: a timed-out heavy waiter clogs nothing', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock });
    await semaphore.acquire();
    const heavy = watch(semaphore.acquire({ weight: 2, timeoutMs: 15 }));
    await clock.advance(15);
    expect(heavy.error).toMatchObject({ code: 'TIMEOUT' });
    expect(semaphore.tryAcquire()).toBeDefined();
    expect(semaphore.waiting).toBe(0);
  });

  it('p-queue #168: aborting the running and a waiting call in one tick lets the third run', async () => {
    const semaphore = new Semaphore(1);
    const controller = new AbortController();
    const { signal } = controller;
    const running = watch(
      semaphore.run(() => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
    );
    await settled();
    const waiting = watch(semaphore.acquire({ signal }));
    const third = watch(semaphore.acquire());
    controller.abort(new Error('stop'));
    await settled();
    expect([running.state, waiting.state, third.state]).toEqual(['rejected', 'rejected', 'resolved']);
  });

  it('p-queue #219: of 11 waiters 10 are aborted and the 11th is next', async () => {
    const semaphore = new Semaphore({ capacity: 1, maxWaiting: 11 });
    const held = await semaphore.acquire();
    const controller = new AbortController();
    for (let n = 0; n < 10; n += 1) semaphore.acquire({ signal: controller.signal }).catch(() => {});
    const eleventh = watch(semaphore.acquire());
    controller.abort();
    expect(semaphore.waiting).toBe(1);
    held.release();
    await settled();
    expect(eleventh.state).toBe('resolved');
  });

  it('cockatiel #114: a call aborted in the queue passes its turn on', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    const controller = new AbortController();
    semaphore.run(() => 'a', { signal: controller.signal }).catch(() => {});
    const b = watch(semaphore.run(() => 'b'));
    controller.abort();
    held.release();
    await settled();
    expect(b.value).toBe('b');
  });

  it('p-limit #25, #27: cancelled calls are rejected, each with an error of its own', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const calls = [watch(semaphore.acquire()), watch(semaphore.acquire())];
    semaphore.cancelAll();
    await settled();
    expect(calls.map(({ error }) => error.code)).toEqual(['ABORTED', 'ABORTED']);
    expect(calls[0]?.error).not.toBe(calls[1]?.error);
    expect(calls[0]?.error.stack).toContain('field-bugs.test');
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'python/asyncio #270, anyio #387, #947, #1145: release, then abort %i microtasks later, and the third still runs',
    async (depth) => {
      const semaphore = new Semaphore(1);
      const held = await semaphore.acquire();
      const controller = new AbortController();
      const second = semaphore.acquire({ signal: controller.signal }).then(
        (permit) => permit.release(),
        () => false,
      );
      const third = watch(semaphore.acquire());
      held.release();
      await microtasks(depth);
      controller.abort();
      await second;
      await settled();
      expect(third.state).toBe('resolved');
    },
  );

  it('trio #548: a cancelled waiter is let go of', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const controller = new AbortController();
    const reason = ((): WeakRef<object> => {
      const carried = { big: 'context' };
      semaphore.acquire({ signal: controller.signal }).catch(() => carried);
      return new WeakRef(carried);
    })();
    controller.abort();
    await collectUntil(() => reason.deref() === undefined);
    expect(reason.deref()).toBeUndefined();
  });

  it('golang #63615: a done context wins over a free permit', async () => {
    await expect(new Semaphore(1).acquire({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('LMCache #2957: an abort with a reason that is no Error settles everything', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    const controller = new AbortController();
    const waiting = watch(semaphore.run(() => 'x', { signal: controller.signal }));
    controller.abort(Symbol.for('gone'));
    await settled();
    expect(waiting.error).toMatchObject({ code: 'ABORTED', cause: Symbol.for('gone') });
    held.release();
    expect(semaphore).toMatchObject({ held: 0, waiting: 0 });
  });
});

describe('capacity', () => {
  it('async-mutex #93: resizing to 5 with a holder lets at most 5 in', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    semaphore.resize(5);
    held.release();
    const granted = Array.from({ length: 9 }, () => semaphore.tryAcquire()).filter((permit) => permit !== undefined);
    expect(granted).toHaveLength(5);
  });

  it('async-mutex #90: a release costs the same at capacity 2³¹ − 1', async () => {
    const semaphore = new Semaphore(2 ** 31 - 1);
    const permits = await Promise.all(Array.from({ length: 1000 }, () => semaphore.acquire()));
    const start = performance.now();
    for (const permit of permits) permit.release();
    // The original needs seconds for a single one.
    expect(performance.now() - start).toBeLessThan(250);
  });

  it('async-mutex #67: nothing frees a permit that one does not hold', async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.acquire();
    semaphore.acquire().catch(() => {});
    semaphore.cancelAll();
    expect(permit.held).toBe(true);
    expect(semaphore.held).toBe(1);
    const methods = Object.getOwnPropertyNames(Semaphore.prototype);
    expect(methods.filter((name) => /^(release|setValue|free|reset)$/.test(name))).toEqual([]);
  });

  it('resilience4j #263, #1569, vs-threading #151: a copied releaser counts once', async () => {
    const semaphore = new Semaphore(2);
    const permit = await semaphore.acquire();
    const copies = [() => permit.release(), () => permit.release(), () => permit[Symbol.dispose]()];
    for (const release of copies) release();
    expect(semaphore).toMatchObject({ held: 0, available: 2 });
    expect(semaphore.stats().released).toBe(1);
  });

  it('anyio CapacityLimiter: down, then up, admits no more than the last limit', async () => {
    const semaphore = new Semaphore(5);
    await Promise.all(Array.from({ length: 5 }, () => semaphore.acquire()));
    semaphore.acquire().catch(() => {});
    semaphore.resize(1);
    semaphore.resize(3);
    await settled();
    expect(semaphore.held).toBe(5);
  });

  it('golang #80183: a negative weight is refused and changes nothing', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.acquire({ weight: -1 })).rejects.toBeInstanceOf(RangeError);
    expect(semaphore).toMatchObject({ held: 0, available: 1 });
  });

  it('p-ratelimit #25, anyio #1170, vs-threading #520: nobody enters between a release and the resumption', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    const waiting = watch(semaphore.acquire());
    held.release();
    expect(semaphore.tryAcquire()).toBeUndefined();
    await settled();
    expect(waiting.state).toBe('resolved');
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'cockatiel: accepted work is not bounced by a newcomer %i microtasks later',
    async (depth) => {
      const semaphore = new Semaphore({ capacity: 1, maxWaiting: 1 });
      const held = await semaphore.acquire();
      const accepted = watch(semaphore.run(() => 'done'));
      held.release();
      await microtasks(depth);
      semaphore.acquire().then(
        (permit) => permit.release(),
        () => {},
      );
      await settled();
      expect(accepted.value).toBe('done');
    },
  );

  it('kotlinx #1323, #2380, Effect #6910, #6638: cancels and releases in one tick hand over exactly once', async () => {
    const semaphore = new Semaphore(2);
    for (let round = 0; round < 200; round += 1) {
      const [a, b] = [await semaphore.acquire(), await semaphore.acquire()];
      const controllers = Array.from({ length: 6 }, () => new AbortController());
      const calls = controllers.map(({ signal }) => watch(semaphore.acquire({ signal })));
      a.release();
      for (const controller of controllers.slice(round % 4, (round % 4) + 2)) controller.abort();
      b.release();
      await settled();
      expect(semaphore.held).toBe(2);
      semaphore.cancelAll();
      for (const { value } of calls) value?.release();
      await settled();
      expect(semaphore).toMatchObject({ held: 0, waiting: 0 });
    }
  });
});

describe('time', () => {
  it('async-mutex #84: waiting and holding are bounded by options of their own', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, quarantineMs: 0 });
    const held = await semaphore.acquire({ maxHoldMs: 300 });
    const waiting = watch(semaphore.acquire({ timeoutMs: 100 }));
    await clock.advance(150);
    expect(waiting.error).toMatchObject({ code: 'TIMEOUT' });
    expect(held.held).toBe(true);
    await clock.advance(400);
    expect(held.held).toBe(false);
  });

  it('redis-semaphore #9, #24, BullMQ #3183: a loop blocked for 3 s loses and ages nobody', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 2000, maxHoldMs: 2500 });
    const seen: string[] = [];
    semaphore.on('overdue', () => seen.push('overdue'));
    const permit = await semaphore.acquire();
    await clock.advance(100);
    await clock.stall(3000);
    expect(seen).toEqual([]);
    expect(permit.signal.aborted).toBe(false);
  });

  it('HikariCP #694, #653, #522: long is not leaked; the return of an overdue permit is told', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 1000 });
    const seen: string[] = [];
    for (const name of ['overdue', 'returned', 'leaked'] as const) semaphore.on(name, () => seen.push(name));
    const permit = await semaphore.acquire();
    await clock.advance(5000);
    permit.release();
    expect(seen).toEqual(['overdue', 'returned']);
  });

  it('bottleneck #181, #194, #197: a dead holder keeps its capacity no longer than its lease', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 1000, quarantineMs: 500 });
    const dead = await semaphore.acquire();
    await clock.advance(4000);
    expect(semaphore.available).toBe(1);
    expect(dead.release()).toBe(false);
  });

  it('bottleneck #115: settling ten thousand dead holders at once is one sweep', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 10_000, clock, maxHoldMs: 1000, quarantineMs: 0 });
    const dead = Array.from({ length: 10_000 }, () => semaphore.tryAcquire());
    const start = process.cpuUsage();
    await clock.advance(2000);
    await settled();
    for (let turn = 0; turn < 50_000 && semaphore.held > 0; turn += 1) await Promise.resolve();
    expect(semaphore.held).toBe(0);
    expect(dead.every((permit) => permit?.held === false)).toBe(true);
    // Microseconds of processor time: quadratic work on 10,000 permits takes minutes.
    expect(process.cpuUsage(start).user).toBeLessThan(10_000_000);
  });

  it('redis-semaphore #205, #206: a release during a recovery that is under way wins', async () => {
    let answer: (isAllowed: boolean) => void = () => {};
    const recover = (): Promise<boolean> => new Promise((resolve) => (answer = resolve));
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 }, graceMs: 0, leak: { recover } });
    const permit = await limits.acquire({ provider: 'glm', session: 'a' });
    const ending = limits.endSession('a');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(permit.release()).toBe(true);
    answer(true);
    await ending;
    expect(limits.stats().global).toMatchObject({ held: 0, leaked: 0, released: 1, recovered: 0 });
  });

  it('redis-semaphore #175: what was lost stays lost, and the newer fence is larger', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 100, graceMs: 0, quarantineMs: 0 });
    const old = await semaphore.acquire();
    await clock.advance(500);
    const newer = await semaphore.acquire();
    expect(newer.fence).toBeGreaterThan(old.fence);
    old.touch();
    expect([old.held, old.release(), newer.held]).toEqual([false, false, true]);
    expect(semaphore.held).toBe(1);
  });

  it('Redisson #5762, #7264: a waiter gets in without a release to wake it, when the limit is raised', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const waiting = watch(semaphore.acquire());
    semaphore.resize(2);
    await settled();
    expect(waiting.state).toBe('resolved');
  });
});

describe('context and listeners', () => {
  it("p-queue #200, crawlee #3427: a task runs in its caller's AsyncLocalStorage, not the finisher's", async () => {
    const store = new AsyncLocalStorage<string>();
    const semaphore = new Semaphore(1);
    const seen = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        store.run(name, () => semaphore.run(async () => (await microtasks(2), `${name}${store.getStore() ?? ''}`))),
      ),
    );
    expect(seen).toEqual(['aa', 'bb', 'cc', 'dd']);
  });

  it('p-timeout #42, node #47449, undici #3157: ten thousand calls on one signal put at most one listener on it', async () => {
    const semaphore = new Semaphore(1);
    const { signal } = new AbortController();
    let listeners = 0;
    let most = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>): void => {
      most = Math.max(most, (listeners += 1));
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>): void => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    await Promise.all(Array.from({ length: 10_000 }, () => semaphore.run(() => undefined, { signal })));
    expect({ most, listeners }).toEqual({ most: 1, listeners: 0 });
  });

  it('p-limit #22: a task never starts in the call of run', async () => {
    const semaphore = new Semaphore(1);
    let hasStarted = false;
    const running = semaphore.run(() => (hasStarted = true));
    expect(hasStarted).toBe(false);
    await running;
  });

  it('p-limit #91, oh-my-pi #3749: a flow that waits for itself is told, with both stacks', async () => {
    const semaphore = new Semaphore({ capacity: 1, leak: 'strict', deadlock: 'throw' });
    const stacks: (string | undefined)[] = [];
    semaphore.on('deadlock', ({ holder, waiter }) => stacks.push(holder.stack, waiter.stack));
    await expect(semaphore.run(() => semaphore.run(() => 'never'))).rejects.toMatchObject({ code: 'DEADLOCK' });
    expect(stacks).toHaveLength(2);
    for (const stack of stacks) expect(stack).toContain('field-bugs.test');
  });

  it('tarn #43, node-pool #298: the error of a timeout lists holders with label and age', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock });
    await semaphore.acquire({ label: 'report' });
    await clock.advance(500);
    await semaphore.acquire({ label: 'import' });
    const waiting = watch(semaphore.acquire({ timeoutMs: 100 }));
    await clock.advance(100);
    expect(waiting.error.message).toContain('held in the global tier by #1 "report" (held, 600 ms), #2 "import"');
  });
});

describe('permits whose holder is gone', () => {
  it('failsafe #393, #400, Archon #1572: granted to a caller that is gone, the permit comes back', async () => {
    const semaphore = new Semaphore({ capacity: 1, quarantineMs: 0 });
    const held = await semaphore.acquire();
    void Promise.race([semaphore.acquire(), Promise.resolve('gave up')]);
    held.release();
    expect(semaphore.held).toBe(1);
    await collectUntil(() => semaphore.held === 0);
    expect(semaphore.held).toBe(0);
  });

  it('resilience4j #332: a cancelled run gives its permit back', async () => {
    const semaphore = new Semaphore(1);
    const controller = new AbortController();
    const { signal } = controller;
    const running = watch(
      semaphore.run(() => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
    );
    await settled();
    controller.abort('cancelled');
    await settled();
    expect(running.error).toBe('cancelled');
    expect(semaphore.held).toBe(0);
  });

  const chunks = async function* (): AsyncGenerator<number> {
    yield 1;
    yield 2;
    yield 3;
  };

  it.each([
    ['breaks', (stream: AsyncIterableIterator<number>) => stream.return?.()],
    ['throws', (stream: AsyncIterableIterator<number>) => stream.throw?.(new Error('no')).catch(() => {})],
    ['drops the iterator', () => undefined],
  ])('litellm #27955, #30020, QwenPaw #6998: the reader of a stream %s and the permit comes back', async (_, end) => {
    const semaphore = new Semaphore({ capacity: 1, quarantineMs: 0 });
    await (async () => {
      const stream = semaphore.runStream(chunks);
      await stream.next();
      expect(semaphore.held).toBe(1);
      await end(stream);
    })();
    await collectUntil(() => semaphore.held === 0);
    expect(semaphore.held).toBe(0);
  });

  it('litellm #28160: a stream that is never read holds nothing', () => {
    const semaphore = new Semaphore(1);
    semaphore.runStream(chunks);
    expect(semaphore.held).toBe(0);
  });

  it('NeMo-Skills #907: no more streams are open than permits, from the first chunk to the last', async () => {
    const semaphore = new Semaphore(2);
    let open = 0;
    let most = 0;
    const source = async function* (): AsyncGenerator<number> {
      most = Math.max(most, (open += 1));
      for (let n = 0; n < 5; n += 1) {
        await microtasks(3);
        yield n;
      }
      open -= 1;
    };
    const read = async (): Promise<void> => {
      for await (const _ of semaphore.runStream(source)) await microtasks(2);
    };
    await Promise.all(Array.from({ length: 8 }, read));
    expect({ most, open, held: semaphore.held }).toEqual({ most: 2, open: 0, held: 0 });
  });

  it('Effect #8391, #7580: between the grant and the first line of the task there is no gap to lose it in', async () => {
    const semaphore = new Semaphore(1);
    const permits: Permit[] = [];
    for (let depth = 0; depth <= 8; depth += 1) {
      const controller = new AbortController();
      const running = semaphore.run((permit) => permits.push(permit), { signal: controller.signal }).catch(() => {});
      await microtasks(depth);
      controller.abort();
      await running;
      expect(semaphore.held).toBe(0);
    }
    expect(permits.every(({ held }) => !held)).toBe(true);
  });
});
