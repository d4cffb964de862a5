import { afterEach, describe, expect, it, vi } from 'vitest';

import { Semaphore } from '../src/index.ts';
import { FakeClock, watch } from './fake-clock.ts';

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
