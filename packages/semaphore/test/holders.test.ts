import { describe, expect, it, vi } from 'vitest';

import { DeadlockWatch } from '../src/deadlock-watch.ts';
import { Semaphore, TieredSemaphore, type LeakLevel } from '../src/index.ts';
import { HeldPermit } from '../src/permit.ts';
import { FakeClock, settled, watch } from './fake-clock.ts';

describe('what is told of a holder', () => {
  it('is all that is known, and nothing else', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock });
    const deadlineAt = clock.now() + 2000;
    const [named] = [await semaphore.acquire({ label: 'named', deadlineAt }), await semaphore.acquire()];
    named.touch('chunk 1');
    await clock.advance(40);
    expect(semaphore.holders()).toStrictEqual([
      { id: 1, fence: 1, label: 'named', weight: 1, ageMs: 40, deadlineAt, state: 'held', note: 'chunk 1' },
      { id: 2, fence: 2, weight: 1, ageMs: 40, state: 'held' },
    ]);
  });

  it('is the oldest eight, no more, where a refusal names them', async () => {
    const semaphore = new Semaphore({ capacity: 12 });
    for (let held = 0; held < 12; held += 1) await semaphore.acquire();
    const refused = await semaphore.acquire({ timeoutMs: 1 }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ holders: [1, 2, 3, 4, 5, 6, 7, 8].map((id) => ({ id })) });
    expect(refused).toHaveProperty('holders.length', 8);
  });

  it.each<[LeakLevel, boolean]>([
    ['track', false],
    ['standard', false],
    ['strict', true],
    ['paranoid', true],
  ])('has a stack or not at level %s', async (level, hasStack) => {
    const semaphore = new Semaphore({ capacity: 1, leak: level });
    await semaphore.acquire();
    expect(semaphore.holders()[0]?.stack?.includes('holders.test.ts') ?? false).toBe(hasStack);
  });

  it.each<[LeakLevel, boolean]>([
    ['strict', false],
    ['paranoid', true],
  ])('is written down at the grant or at the first sweep, at level %s', async (level, atOnce) => {
    const clock = new FakeClock();
    const permit = await new Semaphore({ capacity: 1, leak: level, clock }).acquire();
    const isWritten = (): boolean => permit instanceof HeldPermit && permit.record !== undefined;
    expect(isWritten()).toBe(atOnce);
    await clock.advance(20);
    expect(isWritten()).toBe(true);
  });
});

describe('a holder that says it lives', () => {
  it('is held again, not overdue, from then on', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 1000 });
    const permit = await semaphore.acquire();
    await clock.advance(1500);
    expect(semaphore.holders()[0]?.state).toBe('overdue');
    permit.touch();
    expect(semaphore.holders()[0]?.state).toBe('held');
    await clock.advance(900);
    expect(semaphore.holders()[0]?.state).toBe('held');
    await clock.advance(400);
    expect(semaphore.holders()[0]?.state).toBe('overdue');
  });

  it('cannot move a deadline', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 60_000 });
    const permit = await semaphore.acquire({ deadlineAt: clock.now() + 500 });
    await clock.advance(400);
    permit.touch();
    await clock.advance(400);
    expect(semaphore.holders()[0]?.state).toBe('overdue');
  });
});

describe('a permit', () => {
  it('is given back at the end of its block, of either kind', async () => {
    const semaphore = new Semaphore(1);
    (await semaphore.acquire())[Symbol.dispose]();
    expect(semaphore.held).toBe(0);
    await (await semaphore.acquire())[Symbol.asyncDispose]();
    expect(semaphore.held).toBe(0);
  });

  it('is refused to a session that is being ended, until its permits are back', async () => {
    const limits = new TieredSemaphore({ global: 9, session: 9, providers: { glm: 9 } });
    const ask = { provider: 'glm', session: 'a' };
    const held = await limits.acquire(ask);
    held.signal.addEventListener('abort', () => {});
    const ended = limits.endSession('a');
    await expect(limits.acquire({ ...ask, timeoutMs: 50 })).rejects.toMatchObject({ code: 'CLOSED', tier: 'session' });
    expect(limits.tryAcquire(ask)).toBeUndefined();
    await expect(limits.acquire({ ...ask, session: 'b' })).resolves.toBeDefined();
    held.release();
    expect(await ended).toEqual([]);
    await expect(limits.acquire(ask)).resolves.toBeDefined();
  });
});

describe('the end of a session that holds nothing', () => {
  it('waits for nothing', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ global: 1, session: 1, providers: { glm: 1 }, clock });
    await limits.acquire({ provider: 'glm', session: 'other' });
    const waiting = watch(limits.acquire({ provider: 'glm', session: 'a' }));
    const ended = watch(limits.endSession('a'));
    await settled();
    expect([ended.state, ended.value, waiting.error]).toMatchObject(['resolved', [], { code: 'CLOSED' }]);
  });
});

describe('a task under a permit', () => {
  it('leaves its flow before the permit is released, in streams too', async () => {
    const left: string[] = [];
    const open = vi.spyOn(DeadlockWatch.prototype, 'open');
    open.mockImplementation(() => ({ enter: (task) => task(), leave: () => left.push('left') }));
    const semaphore = new Semaphore({ capacity: 1, deadlock: 'report' });
    semaphore.on('released', () => left.push('released'));
    await semaphore.run(() => 'done');
    for await (const _ of semaphore.runStream(async function* () {
      yield 1;
    }));
    open.mockRestore();
    expect(left).toEqual(['left', 'released', 'left', 'released']);
  });

  it('is not watched for deadlocks unless that is asked for', async () => {
    const open = vi.spyOn(DeadlockWatch.prototype, 'open');
    for (const leak of ['track', 'standard'] as const) await new Semaphore({ capacity: 1, leak }).run(() => 'done');
    expect(open).not.toHaveBeenCalled();
    for (const leak of ['strict', 'paranoid'] as const) await new Semaphore({ capacity: 1, leak }).run(() => 'done');
    expect(open).toHaveBeenCalledTimes(2);
    open.mockRestore();
  });

  it('waits for itself without an error where deadlocks are only reported', async () => {
    const semaphore = new Semaphore({ capacity: 1, leak: 'paranoid' });
    const told: string[] = [];
    semaphore.on('deadlock', ({ tier }) => told.push(tier));
    const controller = new AbortController();
    const nested = watch(semaphore.run(() => semaphore.run(() => 'never', { signal: controller.signal })));
    await vi.waitFor(() => expect(told).toEqual(['global']));
    expect(nested.state).toBe('pending');
    controller.abort();
    await vi.waitFor(() => expect(nested.state).toBe('rejected'));
  });
});
