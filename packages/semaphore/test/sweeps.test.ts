import { afterEach, describe, expect, it, vi } from 'vitest';

import { Semaphore, TieredSemaphore, type Permit, type SemaphoreEvents } from '../src/index.ts';
import { FakeClock, settled, watch } from './fake-clock.ts';

const collector = vi.hoisted(() => ({ runs: 0, heapMb: 0, onRun: () => {} }));
vi.mock('../src/force-gc.ts', () => ({
  finalizersRan: () => Promise.resolve(),
  forceGc: () => {
    collector.runs += 1;
    collector.onRun();
    // One is enough for a test: nothing is collected.
    return false;
  },
  usedHeapMb: () => collector.heapMb,
}));

afterEach(() => {
  collector.runs = 0;
  collector.heapMb = 0;
  collector.onRun = () => {};
  vi.unstubAllGlobals();
});

describe('the first sweep', () => {
  it('comes 20 ms after a grant and finds what is due just then', async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    const slow = new Semaphore({ capacity: 1, clock, overdueMs: 20 });
    slow.on('overdue', () => told.push('overdue'));
    await slow.acquire();
    const leased = new Semaphore({ capacity: 1, clock, maxHoldMs: 20, quarantineMs: 0 });
    leased.on('reclaimed', ({ reason }) => told.push(reason));
    await leased.acquire();
    await clock.advance(19);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['overdue', 'lease']);
    expect(leased.held).toBe(0);
  });

  it('is followed by one 20 ms later, which ends a quarantine that is over just then', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 20, quarantineMs: 20 });
    const told: boolean[] = [];
    semaphore.on('reclaimed', ({ quarantined }) => told.push(quarantined));
    await semaphore.acquire();
    await clock.advance(39);
    expect([semaphore.held, told]).toEqual([1, [true]]);
    await clock.advance(1);
    expect(semaphore.held).toBe(0);
    const bold = new Semaphore({ capacity: 1, clock, maxHoldMs: 20, quarantineMs: 0 });
    bold.on('reclaimed', ({ quarantined }) => told.push(quarantined));
    await bold.acquire();
    await clock.advance(20);
    expect([bold.held, told]).toEqual([0, [true, false]]);
  });

  it('is the last one when nothing is held any more', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    (await semaphore.acquire()).release();
    expect(clock.pending).toBe(1);
    await clock.advance(20);
    expect(clock.pending).toBe(0);
  });
});

describe('a listener of a sweep', () => {
  it('may take a permit, which the next sweep finds', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock, overdueMs: 20 });
    const told: number[] = [];
    semaphore.on('overdue', ({ id }) => {
      told.push(id);
      if (told.length === 1) void semaphore.acquire();
    });
    await semaphore.acquire();
    await clock.advance(60);
    expect(told).toEqual([1, 2]);
  });

  it('may leave nothing to sweep for', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 2, clock, overdueMs: 20 });
    const permit = await semaphore.acquire();
    semaphore.on('overdue', () => {
      semaphore.tryAcquire()?.release();
      permit.release();
    });
    await clock.advance(20);
    expect([semaphore.held, clock.pending]).toEqual([0, 0]);
  });
});

describe('the process', () => {
  it('is not kept alive by a permit that is being taken back while nobody waits for it', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, maxHoldMs: 20, quarantineMs: 5000 });
    await semaphore.acquire();
    await clock.advance(1000);
    expect(semaphore.health().quarantined).toBe(1);
    expect(clock.kept).not.toContain(true);
  });
});

describe('a forced collection', () => {
  async function starving(forceGc: object): Promise<FakeClock> {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, overdueMs: 20, leak: { forceGc } });
    await semaphore.acquire();
    void semaphore.acquire();
    // Sweeps come at 20 ms, where the holder is overdue, then at 1020, 2020 …
    await clock.advance(1019);
    return clock;
  }

  it('comes when calls have starved for long enough, then at ever longer intervals while it finds nothing', async () => {
    const clock = await starving({ starvedMs: 1020, everyMs: 1000 });
    const at: number[] = [];
    for (; clock.time < 12_000; await clock.advance(1)) {
      if (collector.runs > at.length) at.push(clock.time);
    }
    expect(at).toEqual([1020, 3020, 7020]);
  });

  it.each([
    [100, 1],
    [100.1, 0],
  ])('at %d MB of heap, where 100 are allowed: %i', async (heapMb, runs) => {
    collector.heapMb = heapMb;
    const clock = await starving({ starvedMs: 1020, maxHeapMb: 100 });
    await clock.advance(1);
    expect(collector.runs).toBe(runs);
  });

  it('that finds something is followed by the next as soon as that may be', async () => {
    const finalize: (() => void)[] = [];
    vi.stubGlobal(
      'FinalizationRegistry',
      class {
        readonly #told: (held: unknown) => void;
        constructor(told: (held: unknown) => void) {
          this.#told = told;
        }
        register(_: object, held: unknown): void {
          finalize.push(() => this.#told(held));
        }
        unregister(): void {}
      },
    );
    const clock = new FakeClock();
    const leak = { recover: 'report', forceGc: { starvedMs: 1020, everyMs: 1000 } } as const;
    const semaphore = new Semaphore({ capacity: 2, clock, overdueMs: 20, leak });
    await semaphore.acquire();
    await semaphore.acquire();
    void semaphore.acquire();
    collector.onRun = () => finalize.shift()?.();
    await clock.advance(1020);
    expect([collector.runs, semaphore.health().leaked]).toEqual([1, 1]);
    await clock.advance(1000);
    expect([collector.runs, semaphore.health().leaked]).toEqual([2, 2]);
  });

  it('is not made for nobody, nor before a holder is overdue', async () => {
    const clock = new FakeClock();
    const leak = { forceGc: { starvedMs: 100, everyMs: 0 } };
    const idle = new Semaphore({ capacity: 1, clock, overdueMs: 20, leak });
    await idle.acquire();
    const patient = new Semaphore({ capacity: 1, clock, leak });
    await patient.acquire();
    void patient.acquire();
    await clock.advance(5000);
    expect(collector.runs).toBe(0);
  });
});

describe('the text of a stack', () => {
  it.each([
    ['paranoid', 1, 1],
    ['strict', 0, 1],
  ] as const)('is made at the grant or at the first sweep, at level %s', async (leak, atGrant, atSweep) => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, leak, deadlock: 'off' });
    const before = Error.prepareStackTrace;
    let made = 0;
    Error.prepareStackTrace = () => {
      made += 1;
      return '';
    };
    try {
      await semaphore.acquire();
      expect(made).toBe(atGrant);
      await clock.advance(20);
      expect(made).toBe(atSweep);
    } finally {
      Error.prepareStackTrace = before;
    }
  });
});

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

describe('a look for leaks at the end of a test', () => {
  it('is taken as often as was asked, then collects', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock });
    const permit = await semaphore.acquire();
    const looking = watch(semaphore.assertNoLeaks({ retries: 2, delayMs: 100 }));
    await clock.advance(199);
    expect([looking.state, collector.runs]).toEqual(['pending', 0]);
    await clock.advance(1);
    expect(looking.error?.message).toMatch(/^1 permits still held: #1/);
    expect(collector.runs).toBe(1);
    permit.release();
    await expect(semaphore.assertNoLeaks({ retries: 0 })).resolves.toBeUndefined();
  });
});

describe('a recovery on demand', () => {
  it.each([
    [{}, {}, 0],
    [{ forceGc: true }, {}, 1],
    [{ forceGc: true }, { collect: false }, 0],
    [{}, { collect: true }, 1],
  ])('with the settings %j and the wish %j collects %i times', async (leak, wish, runs) => {
    const semaphore = new Semaphore({ capacity: 1, clock: new FakeClock(), leak });
    await semaphore.acquire();
    await semaphore.recover(wish);
    expect(collector.runs).toBe(runs);
  });
});

describe('a health check', () => {
  it('ends with the semaphore, and is not planned where it is off', async () => {
    const clock = new FakeClock();
    const semaphore = new Semaphore({ capacity: 1, clock, leak: 'off' });
    semaphore.on('health', () => {});
    expect(clock.pending).toBe(1);
    await semaphore.close();
    expect(clock.pending).toBe(0);
    semaphore.on('health', () => {});
    new Semaphore({ capacity: 1, clock, healthCheckMs: Infinity }).on('health', () => {});
    expect(clock.pending).toBe(0);
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
