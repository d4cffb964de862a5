import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore, type Permit, type SemaphoreEvents } from '../src/index.ts';
import { FakeClock, settled, watch } from './fake-clock.ts';

const NAMES = [
  'overdue',
  'returned',
  'leaked',
  'reclaimed',
  'lateRelease',
  'recovered',
] as const satisfies readonly (keyof SemaphoreEvents)[];

/** Writes down the rare events by name. */
function logOf(semaphore: { on: Semaphore['on'] }): string[] {
  const log: string[] = [];
  for (const name of NAMES) semaphore.on(name, () => log.push(name));
  return log;
}

/** Collects garbage in turns of its own until the check holds. */
async function collectUntil(check: () => boolean): Promise<void> {
  for (let round = 0; round < 30 && !check(); round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Takes a permit and drops it, in a frame of its own so that nothing here keeps it. */
async function drop(acquire: () => Promise<Permit>, use: (permit: Permit) => void = () => {}): Promise<void> {
  use(await acquire());
}

describe('overdue', () => {
  it('is told once after overdueMs and followed by returned, never by a leak', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 5000 });
    const log = logOf(semaphore);
    const permit = await semaphore.acquire({ label: 'slow' });
    await clock.advance(4990);
    expect(log).toEqual([]);
    await clock.advance(1100);
    expect(log).toEqual(['overdue']);
    expect(semaphore.health()).toMatchObject({ healthy: true, overdue: 1, leaked: 0, holders: [{ label: 'slow' }] });
    await clock.advance(60_000);
    permit.release();
    expect(log).toEqual(['overdue', 'returned']);
    expect(semaphore.stats()).toMatchObject({ leaksDetected: 0, leaked: 0, held: 0 });
  });

  it('comes at deadlineAt when there is one', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    const log = logOf(semaphore);
    const permit = await semaphore.acquire({ deadlineAt: clock.now() + 2000 });
    await clock.advance(1950);
    expect(log).toEqual([]);
    await clock.advance(200);
    expect(log).toEqual(['overdue']);
    expect(permit.held).toBe(true);
  });

  it('starts again with touch, whose note shows', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 5000 });
    const log = logOf(semaphore);
    const permit = await semaphore.acquire();
    for (let n = 0; n < 5; n += 1) {
      await clock.advance(4000);
      permit.touch(`chunk ${n}`);
    }
    expect(log).toEqual([]);
    expect(semaphore.holders()[0]?.note).toBe('chunk 4');
    await clock.advance(6500);
    expect(log).toEqual(['overdue']);
  });

  it.each([2500, 30_000, 3_600_000])('ages nobody through a stop of %i ms of the whole process', async (stopMs) => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 3000, maxHoldMs: 3000 });
    const log = logOf(semaphore);
    const permit = await semaphore.acquire();
    await clock.advance(300);
    await clock.stall(stopMs);
    await clock.advance(200);
    expect(log).toEqual([]);
    expect(permit.held).toBe(true);
    expect(semaphore.holders()[0]?.ageMs).toBeLessThan(2000);
    await clock.advance(5000);
    expect(log).toContain('overdue');
  });
});

describe('leases (maxHoldMs)', () => {
  it('tell the holder, wait for the grace, reclaim, and keep the permit in quarantine until the late release', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 1000, graceMs: 500, quarantineMs: 9000 });
    const log = logOf(semaphore);
    const permit = await semaphore.acquire();
    const { signal } = permit;
    await clock.advance(1100);
    expect(signal.reason).toMatchObject({ code: 'LOST' });
    expect(permit.held).toBe(true);
    expect(log).toEqual([]);
    await clock.advance(600);
    expect(permit.held).toBe(false);
    expect(log).toEqual(['reclaimed', 'recovered']);
    expect(semaphore).toMatchObject({ held: 1, available: 0 });
    expect(semaphore.health()).toMatchObject({ healthy: false, quarantined: 1, leaked: 0 });
    expect(permit.release()).toBe(false);
    expect(semaphore.held).toBe(0);
    expect(log).toEqual(['reclaimed', 'recovered', 'lateRelease', 'recovered']);
    expect(semaphore.stats()).toMatchObject({
      lateReleases: 1,
      recovered: 1,
      leaksDetected: 0,
      leaked: 0,
      released: 0,
    });
  });

  it('leave the permit with a holder that releases during the grace', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 1000, graceMs: 500 });
    const log = logOf(semaphore);
    const permit = await semaphore.acquire();
    permit.signal.addEventListener('abort', () => permit.release());
    await clock.advance(3000);
    expect(log).toEqual(['returned']);
    expect(semaphore.stats()).toMatchObject({ held: 0, leaked: 0, released: 1, lateReleases: 0 });
  });

  it('end quarantine after quarantineMs when the work never settles', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 1000, quarantineMs: 9000 });
    const permit = await semaphore.acquire();
    await clock.advance(9500);
    expect(semaphore.held).toBe(1);
    await clock.advance(2000);
    expect(semaphore.held).toBe(0);
    expect(permit.release()).toBe(false);
    expect(semaphore.held).toBe(0);
    expect(semaphore.stats().lateReleases).toBe(1);
  });

  it('start again with touch', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 1000 });
    const permit = await semaphore.acquire();
    for (let n = 0; n < 5; n += 1) {
      await clock.advance(800);
      permit.touch();
    }
    expect(permit.held).toBe(true);
  });

  it('are the shorter of the call and none, per call', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock, quarantineMs: 0 });
    const leased = await semaphore.acquire({ maxHoldMs: 100 });
    const free = await semaphore.acquire();
    await clock.advance(5000);
    expect([leased.held, free.held]).toEqual([false, true]);
    expect(semaphore.held).toBe(1);
  });
});

describe('concurrency of the work during reclaim', () => {
  it.each([
    ['run', 'Semaphore'],
    ['runStream', 'Semaphore'],
    ['run', 'TieredSemaphore'],
    ['runStream', 'TieredSemaphore'],
  ])('never exceeds the limit, as seen by what %s of %s calls', async (how, kind) => {
    const clock = new FakeClock();
    let running = 0;
    let most = 0;
    let ended = 0;
    /** A remote call: nothing that happens to the permit ends it. */
    const work = async (ms: number): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => clock.startTimer(resolve, ms, true));
      running -= 1;
      ended += 1;
    };
    const options = { clock, maxHoldMs: 1000, graceMs: 100, quarantineMs: 60_000 };
    const semaphore = new Semaphore({ capacity: 2, ...options });
    const limits = new TieredSemaphore({ global: 9, session: 9, providers: { glm: 2 }, ...options });
    const stream = async function* (ms: number): AsyncGenerator<number> {
      await work(ms);
      yield 1;
    };
    const drainStream = async (source: AsyncIterable<number>): Promise<void> => {
      for await (const _ of source);
    };
    const start = (ms: number, session: string): Promise<void> => {
      const ask = { provider: 'glm', session };
      if (how === 'run') return kind === 'Semaphore' ? semaphore.run(() => work(ms)) : limits.run(ask, () => work(ms));
      return drainStream(
        kind === 'Semaphore' ? semaphore.runStream(() => stream(ms)) : limits.runStream(ask, () => stream(ms)),
      );
    };
    const calls = Array.from({ length: 12 }, (_, n) => start(n % 3 === 0 ? 7000 : 300, `s${n % 4}`));
    await clock.advance(60_000);
    await Promise.all(calls);
    expect({ most, running, ended }).toEqual({ most: 2, running: 0, ended: 12 });
    const stats = kind === 'Semaphore' ? semaphore.stats() : limits.stats().global;
    expect(stats).toMatchObject({ held: 0, leaked: 0, lateReleases: 4, recovered: 4 });
  });
});

describe('proven leaks', () => {
  it('free the session at once and quarantine the shared tiers', async () => {
    const clock = new FakeClock();
    const limits = new TieredSemaphore({ global: 5, session: 1, providers: { glm: 2 }, clock, quarantineMs: 60_000 });
    const log = logOf(limits);
    const rounds: SemaphoreEvents['recovered'][] = [];
    limits.on('recovered', (round) => rounds.push(round));
    await drop(() => limits.acquire({ provider: 'glm', session: 'a', label: 'forgetful' }));
    const same = watch(limits.acquire({ provider: 'glm', session: 'a' }));
    await clock.advance(20);
    await collectUntil(() => same.state === 'resolved');
    expect(log).toEqual(['leaked', 'reclaimed', 'recovered']);
    expect(limits.stats()).toMatchObject({
      global: { held: 2, leaked: 1, leaksDetected: 1, recovered: 0, recoveries: { success: 0, partial: 1, failed: 0 } },
      providers: { glm: { held: 2, leaked: 1, leaksDetected: 1, recovered: 0 } },
      session: { held: 1, leaked: 0, leaksDetected: 1, recovered: 1, recoveries: { partial: 1 } },
    });
    expect(limits.health()).toMatchObject({ quarantined: 1, holders: [{ label: 'forgetful', state: 'quarantined' }] });
    await clock.advance(61_500);
    expect(limits.stats()).toMatchObject({
      global: { held: 1, leaked: 0, recovered: 1, recoveries: { success: 1, partial: 1 } },
      providers: { glm: { held: 1, leaked: 0, recovered: 1 } },
    });
    expect(rounds).toMatchObject([
      { status: 'partial', recovered: 1, remaining: 1, byTier: { global: 0, provider: 0, session: 1 } },
      { status: 'success', recovered: 1, remaining: 0, byTier: { global: 1, provider: 1, session: 0 } },
    ]);
  });

  it('are collected and taken back by recover({ collect: true })', async () => {
    const semaphore = new Semaphore({ capacity: 3, quarantineMs: 0 });
    const kept = await semaphore.acquire();
    await drop(() => semaphore.acquire());
    await drop(() => semaphore.acquire());
    expect(await semaphore.recover({ collect: true })).toEqual({ status: 'success', recovered: 2, remaining: 0 });
    expect(semaphore.held).toBe(1);
    expect(kept.held).toBe(true);
    expect(await semaphore.recover({ collect: true })).toEqual({ status: 'success', recovered: 0, remaining: 0 });
  });

  it('tell a holder that still uses the signal and wait for the grace', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, graceMs: 1000, quarantineMs: 0 });
    const log = logOf(semaphore);
    let signal: AbortSignal | undefined;
    await drop(
      () => semaphore.acquire(),
      (permit) => (signal = permit.signal),
    );
    await clock.advance(20);
    await collectUntil(() => log.includes('leaked'));
    expect(signal?.aborted).toBe(true);
    expect(log).toEqual(['leaked']);
    await clock.advance(1100);
    expect(log).toEqual(['leaked', 'reclaimed', 'recovered']);
  });

  it('are only reported under the policy report, and taken back by recover()', async () => {
    const semaphore = new Semaphore({ capacity: 1, quarantineMs: 0, leak: { recover: 'report' } });
    const log = logOf(semaphore);
    await drop(() => semaphore.acquire());
    await collectUntil(() => log.includes('leaked'));
    expect(semaphore).toMatchObject({ held: 1 });
    expect(semaphore.health()).toMatchObject({ healthy: false, leaked: 1, holders: [{ state: 'leaked' }] });
    expect(await semaphore.recover()).toEqual({ status: 'success', recovered: 1, remaining: 0 });
    expect(semaphore.held).toBe(0);
  });

  it('stay when the policy says no, and recover() has failed then', async () => {
    const asked: number[] = [];
    const recover = async ({ id }: { id: number }): Promise<boolean> => {
      asked.push(id);
      return id !== 1;
    };
    const semaphore = new Semaphore({ capacity: 2, quarantineMs: 0, leak: { recover } });
    await drop(() => semaphore.acquire());
    await collectUntil(() => asked.length > 0);
    expect(await semaphore.recover()).toEqual({ status: 'failed', recovered: 0, remaining: 1 });
    await drop(() => semaphore.acquire());
    expect(await semaphore.recover({ collect: true })).toEqual({ status: 'partial', recovered: 1, remaining: 1 });
    expect(new Set(asked)).toEqual(new Set([1, 2]));
  });

  it('show where the permit was asked for from level strict on', async () => {
    const semaphore = new Semaphore({ capacity: 1, leak: 'strict' });
    const permit = await semaphore.acquire();
    expect(semaphore.holders()[0]?.stack).toContain('recovery.test.ts');
    permit.release();
  });

  it('are found by a forced collection when calls starve behind an overdue holder', async () => {
    const clock = new FakeClock();
    const leak = { level: 'standard', forceGc: { maxHeapMb: 4000, starvedMs: 2000 } } as const;
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 1000, quarantineMs: 0, leak });
    await drop(() => semaphore.acquire());
    await clock.advance(30_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(semaphore.held).toBe(1);
    const waiting = watch(semaphore.acquire());
    for (let n = 0; n < 100 && waiting.state === 'pending'; n += 1) {
      await clock.advance(1000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(waiting.state).toBe('resolved');
  });
});

describe('assertNoLeaks', () => {
  it('passes once everything is back, names what is not, and can ignore', async () => {
    const semaphore = new Semaphore({ capacity: 2, leak: 'strict' });
    const permit = await semaphore.acquire({ label: 'background' });
    await expect(semaphore.assertNoLeaks({ retries: 2, delayMs: 1 })).rejects.toThrow(
      /1 permits still held: #1 "background"[^]*recovery\.test/,
    );
    await semaphore.assertNoLeaks({ ignore: ({ label }) => label === 'background' });
    setTimeout(() => permit.release(), 5);
    await semaphore.assertNoLeaks();
  });
});

describe('deadlock', () => {
  it('names holder and waiter, with their stacks, when a flow waits for itself', async () => {
    const semaphore = new Semaphore({ capacity: 1, leak: 'strict', deadlock: 'throw' });
    const seen: SemaphoreEvents['deadlock'][] = [];
    semaphore.on('deadlock', (event) => seen.push(event));
    const nested = semaphore.run(() => semaphore.run(() => 'never', { label: 'inner' }), { label: 'outer' });
    await expect(nested).rejects.toMatchObject({ code: 'DEADLOCK', holders: [{ label: 'outer' }] });
    await expect(nested).rejects.toThrow(
      /a call "inner" waits for the global tier while its own flow holds #1 "outer"/,
    );
    expect(seen).toMatchObject([{ tier: 'global', holder: { label: 'outer' }, waiter: { label: 'inner' } }]);
    expect(seen[0]?.holder.stack).toContain('recovery.test.ts');
    expect(seen[0]?.waiter.stack).toContain('recovery.test.ts');
    expect(semaphore).toMatchObject({ held: 0, waiting: 0 });
  });

  it('is not seen where another flow can still release', async () => {
    const semaphore = new Semaphore({ capacity: 2, deadlock: 'throw' });
    const other = await semaphore.acquire();
    const outer = watch(semaphore.run(() => semaphore.run(() => 'done')));
    await settled();
    expect(outer.state).toBe('pending');
    other.release();
    await settled();
    expect(outer.value).toBe('done');
  });

  it('is seen when the last flow joins a circle', async () => {
    const semaphore = new Semaphore({ capacity: 2, deadlock: 'report' });
    const seen: SemaphoreEvents['deadlock'][] = [];
    semaphore.on('deadlock', (event) => seen.push(event));
    const controller = new AbortController();
    const { signal } = controller;
    const flow = (label: string): Promise<unknown> =>
      semaphore.run(() => settled().then(() => semaphore.run(() => label, { label, signal })), { label });
    const flows = [watch(flow('a')), watch(flow('b'))];
    await settled();
    await settled();
    await settled();
    expect(seen).toHaveLength(1);
    controller.abort();
    await settled();
    expect(flows.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
    await semaphore.run(() => semaphore.run(() => 'fine'));
    expect(seen).toHaveLength(1);
  });

  it('is seen in the session tier alone', async () => {
    const limits = new TieredSemaphore({ global: 9, session: 1, providers: { glm: 9 }, deadlock: 'throw' });
    const ask = { provider: 'glm', session: 'a' };
    await expect(limits.run(ask, () => limits.run(ask, () => 'never'))).rejects.toMatchObject({
      code: 'DEADLOCK',
      tier: 'session',
    });
    await limits.run(ask, () => limits.run({ ...ask, session: 'b' }, () => 'fine'));
  });

  it('is watched in streams too', async () => {
    const semaphore = new Semaphore({ capacity: 1, deadlock: 'throw' });
    const source = async function* (): AsyncGenerator<number> {
      yield await semaphore.run(() => 1);
    };
    await expect(semaphore.runStream(source).next()).rejects.toMatchObject({ code: 'DEADLOCK' });
    expect(semaphore.held).toBe(0);
  });

  it('is off at level standard', async () => {
    const semaphore = new Semaphore({ capacity: 1 });
    const nested = watch(semaphore.run(() => semaphore.run(() => 'never')));
    await settled();
    expect(nested.state).toBe('pending');
  });
});

describe('the process', () => {
  it('is kept alive by a sweep only while a call waits for a permit that is being taken back', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 100, quarantineMs: 5000 });
    const permit = await semaphore.acquire();
    const waiting = watch(semaphore.acquire());
    await clock.advance(90);
    expect(clock.kept).not.toContain(true);
    await clock.advance(1000);
    expect(semaphore.health().quarantined).toBe(1);
    expect(clock.kept.at(-1)).toBe(true);
    await clock.advance(6000);
    expect(waiting.state).toBe('resolved');
    expect(permit.held).toBe(false);
  });
});
