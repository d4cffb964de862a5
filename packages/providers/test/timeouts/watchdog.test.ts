import { fc, it as property } from '@fast-check/vitest';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { VirtualClock } from '../../bench/timeouts-clock.ts';
import {
  AdaptiveTimeouts,
  type Observation,
  type Phase,
  type PhaseBudgets,
  PHASES,
  type StallInfo,
  TimeoutReason,
  Watchdog,
  type WatchdogOptions,
} from '../../src/timeouts/index.ts';

const KEY = { provider: 'kimi', model: 'kimi-k2.6', thinking: true } as const;

const each = <T>(value: T): Record<Phase, T> =>
  Object.fromEntries(PHASES.map((phase) => [phase, value])) as Record<Phase, T>;

/** Budgets of `ms` in every phase, `stalled` at half of it, and no bound of the whole. */
function budgets(ms: number, change: Partial<PhaseBudgets> = {}): PhaseBudgets {
  return {
    ...each(ms),
    total: Number.POSITIVE_INFINITY,
    source: each('learned'),
    stalled: each(ms / 2),
    size: 1,
    hopeless: false,
    ...change,
  };
}

interface Watch {
  readonly dog: Watchdog;
  readonly clock: VirtualClock;
  readonly log: string[];
  readonly seen: Observation[];
  readonly reason: () => unknown;
}

function watch(given: PhaseBudgets, options: WatchdogOptions = {}): Watch {
  const clock = new VirtualClock();
  const log: string[] = [];
  const seen: Observation[] = [];
  const dog = new Watchdog(given, { clock, onEnd: (all) => seen.push(...all), ...options });
  const note =
    (name: string) =>
    ({ phase, silentMs }: StallInfo) =>
      log.push(`${clock.now()} ${name} ${phase} ${silentMs}`);
  dog.on('stalled', note('stalled'));
  dog.on('resumed', note('resumed'));
  dog.signal.addEventListener('abort', () => log.push(`${clock.now()} abort`));
  return { dog, clock, log, seen, reason: () => dog.signal.reason };
}

describe('silence', () => {
  it('ends a call that sends nothing at all when the budget of the first token is used up', () => {
    const { clock, log, reason } = watch(budgets(60_000));
    clock.moveTo(59_999);
    expect(log).toEqual(['30000 stalled first 30000']);
    clock.moveTo(60_000);
    expect(log).toEqual(['30000 stalled first 30000', '60000 abort']);
    expect(reason()).toMatchObject({ phase: 'first', budgetMs: 60_000, elapsedMs: 60_000, source: 'learned' });
    expect(String(reason())).toContain('silent for 60000 ms in phase first, budget 60000 ms (learned)');
  });

  it.each(['reasoning', 'text', 'tool-args', 'server-tool'] as const)(
    'ends a call that falls silent in %s by its budget',
    (phase) => {
      const { dog, clock, reason } = watch(budgets(60_000, { [phase]: 20_000 }));
      clock.moveTo(50_000);
      dog.progress(phase);
      clock.moveTo(69_999);
      expect(dog.signal.aborted).toBe(false);
      clock.moveTo(70_000);
      expect(reason()).toMatchObject({ phase, budgetMs: 20_000, elapsedMs: 20_000 });
    },
  );

  it('takes headers, comments and empty deltas for signs of life, not for progress', () => {
    const { dog, clock, log } = watch(budgets(60_000));
    for (let at = 10_000; at < 60_000; at += 10_000) {
      clock.moveTo(at);
      dog.liveness();
    }
    expect(dog.quietMs).toBe(0);
    clock.moveTo(60_000);
    expect(log.at(-1)).toBe('60000 abort');
  });

  it('begins anew with every delta, however long the call', () => {
    const { dog, clock, log } = watch(budgets(10_000));
    for (let at = 0; at < 1_000_000; at += 4999) {
      clock.moveTo(at);
      dog.progress('text');
    }
    expect(log).toEqual([]);
  });

  it('waits in connect until told that the request is sent', () => {
    const { dog, clock, reason } = watch(budgets(60_000, { connect: 10_000 }), { phase: 'connect' });
    clock.moveTo(9000);
    dog.progress('first');
    clock.moveTo(68_999);
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(69_000);
    expect(reason()).toMatchObject({ phase: 'first' });
  });

  it('lets a thinking model take 310 s to its first token and pause for 150 s, and ends the same in a base call', () => {
    for (const [thinking, dies] of [
      [true, false],
      [false, true],
    ] as const) {
      const clock = new VirtualClock();
      const timeouts = new AdaptiveTimeouts({ clock, random: () => 0.9 });
      const dog = timeouts.watch({ ...KEY, thinking });
      clock.moveTo(310_000);
      dog.progress('reasoning');
      clock.moveTo(460_000);
      dog.progress('text');
      expect(dog.signal.aborted).toBe(dies);
      dog.end('done');
    }
  });

  it('lets a call pause for 170 s once such pauses were seen', () => {
    const clock = new VirtualClock();
    const timeouts = new AdaptiveTimeouts({ clock, random: () => 0.9 });
    for (let i = 0; i < 200; i += 1) timeouts.observe(KEY, { phase: 'reasoning', ms: 100_000 + i * 300 });
    const dog = timeouts.watch(KEY);
    dog.progress('reasoning');
    clock.moveTo(170_000);
    dog.progress('text');
    expect(dog.signal.aborted).toBe(false);
  });
});

describe('stalled and resumed', () => {
  it('come once per silence, with its length', () => {
    const { dog, clock, log } = watch(budgets(60_000));
    clock.moveTo(40_000);
    dog.progress('reasoning');
    clock.moveTo(75_000);
    dog.progress('text');
    clock.moveTo(80_000);
    dog.progress('text');
    expect(log).toEqual([
      '30000 stalled first 30000',
      '40000 resumed first 40000',
      '70000 stalled reasoning 30000',
      '75000 resumed reasoning 35000',
    ]);
  });

  it('comes before the end even where both are due at once', () => {
    const { clock, log } = watch(budgets(8000, { stalled: each(8000) }));
    clock.moveTo(8000);
    expect(log).toEqual(['8000 stalled first 8000', '8000 abort']);
  });

  it('does no harm when a listener throws', () => {
    const { dog, clock } = watch(budgets(8000));
    dog.on('stalled', () => {
      throw new Error('listener');
    });
    clock.moveTo(5000);
    dog.progress('text');
    clock.moveTo(20_000);
    expect(dog.signal.aborted).toBe(true);
  });

  it('is not told to a listener that left', () => {
    const { dog, clock } = watch(budgets(8000));
    const heard: StallInfo[] = [];
    dog.on('stalled', (info) => heard.push(info))();
    clock.moveTo(5000);
    expect(heard).toEqual([]);
  });
});

describe('the deadline', () => {
  it('ends a streaming call at its very millisecond', () => {
    const { dog, clock, log, reason } = watch(budgets(60_000, { deadlineAt: 12_345 }));
    for (let at = 0; at < 12_345; at += 100) {
      clock.moveTo(at);
      dog.progress('text');
    }
    clock.moveTo(20_000);
    expect(log).toEqual(['12345 abort']);
    expect(reason()).toMatchObject({ source: 'deadline', phase: 'text' });
    expect(String(reason())).toContain('deadline passed in phase text');
  });

  it('ends a call that is paused', () => {
    const { dog, clock, log } = watch(budgets(60_000, { deadlineAt: 100_000 }));
    dog.pause();
    clock.moveTo(200_000);
    expect(log).toEqual(['100000 abort']);
  });

  it('ends a call at once when it has passed already', () => {
    const { clock, log } = watch(budgets(60_000, { deadlineAt: -5 }));
    clock.moveTo(10);
    expect(log).toEqual(['1 abort']);
  });

  property.prop([fc.array(fc.integer({ min: 1, max: 9000 }), { maxLength: 30 }), fc.integer({ min: 1, max: 100_000 })])(
    'is never passed, whatever arrives',
    (gaps, deadlineAt) => {
      const { dog, clock, log } = watch(budgets(7000, { deadlineAt }));
      let at = 0;
      for (const gap of gaps) {
        at += gap;
        clock.moveTo(at);
        dog.progress('text');
      }
      clock.moveTo(200_000);
      const end = Number(log.find((line) => line.endsWith('abort'))?.split(' ')[0]);
      expect(end).toBeLessThanOrEqual(deadlineAt);
    },
  );
});

describe('the whole attempt', () => {
  it('is ended at its total, however lively, without a sample of silence', () => {
    const { dog, clock, log, reason, seen } = watch(budgets(10_000, { total: 50_000 }));
    for (let at = 0; at <= 60_000; at += 1000) {
      clock.moveTo(at);
      dog.progress('text');
    }
    expect(log.at(-1)).toBe('50000 abort');
    expect(reason()).toMatchObject({ phase: 'total', budgetMs: 50_000 });
    dog.end('failed');
    expect(seen.filter(({ censored }) => censored !== undefined)).toEqual([]);
  });
});

describe('time in which nobody could listen', () => {
  it('hears what arrived during a blocked turn before it judges', () => {
    const { dog, clock } = watch(budgets(8000));
    dog.progress('text');
    for (let at = 5000; at < 100_000; at += 5000) clock.jumpTo(at, () => dog.progress('text'));
    clock.jumpTo(120_000, () => dog.progress('text'));
    expect(dog.signal.aborted).toBe(false);
  });

  it('hears a delta that waits in the socket when the last timer comes a second late', () => {
    const { dog, clock } = watch(budgets(8000));
    clock.moveTo(4000);
    clock.jumpTo(9000, () => dog.progress('text'));
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(17_000);
    expect(dog.signal.aborted).toBe(true);
  });

  it('does not count time in which it was called more than twice as late, up to three times in a silence', () => {
    const { dog, clock } = watch(budgets(80));
    for (const at of [1000, 2000, 3000]) clock.jumpTo(at, () => undefined);
    expect(dog.silentMs).toBe(0);
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(3080);
    expect(dog.signal.aborted).toBe(true);
  });

  it('does not count an hour of sleep, and still ends a call that stays silent afterwards', () => {
    const { dog, clock, log } = watch(budgets(60_000));
    clock.moveTo(10_000);
    clock.jumpTo(3_610_000, () => undefined);
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(3_650_000);
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(3_670_000);
    expect(log.at(-1)).toMatch(/abort$/);
  });

  it('ends a dead call even in a process that is always late', () => {
    const { dog, clock } = watch(budgets(8000));
    for (let at = 20_000; at <= 400_000 && !dog.signal.aborted; at += 20_000) clock.jumpTo(at, () => undefined);
    expect(dog.signal.aborted).toBe(true);
  });

  it('counts no silence while paused and goes on from where it stood', () => {
    const { dog, clock, log } = watch(budgets(60_000));
    clock.moveTo(20_000);
    dog.pause();
    dog.pause();
    clock.moveTo(620_000);
    expect(dog.silentMs).toBe(20_000);
    dog.resume();
    dog.resume();
    clock.moveTo(659_999);
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(660_000);
    expect(log.at(-1)).toBe('660000 abort');
  });

  it('takes a delta that arrives while paused', () => {
    const { dog, clock, log } = watch(budgets(60_000));
    dog.pause();
    clock.moveTo(100_000);
    dog.progress('text');
    dog.resume();
    clock.moveTo(159_999);
    expect(dog.signal.aborted).toBe(false);
    clock.moveTo(160_000);
    expect(log.at(-1)).toBe('160000 abort');
  });
});

describe('what was seen', () => {
  it('is the longest silence of each phase, also of one that was entered twice', () => {
    const { dog, clock, seen } = watch(budgets(60_000, { size: 2 }));
    const deltas: [number, Phase][] = [
      [3000, 'reasoning'],
      [5000, 'text'],
      [12_000, 'tool-args'],
      [13_000, 'text'],
      [14_000, 'text'],
    ];
    for (const [at, phase] of deltas) {
      clock.moveTo(at);
      dog.progress(phase);
    }
    clock.moveTo(14_500);
    dog.end('done');
    expect(seen).toEqual([
      { phase: 'first', ms: 3000, size: 2 },
      { phase: 'reasoning', ms: 2000, size: 2 },
      { phase: 'text', ms: 7000, size: 2 },
      { phase: 'tool-args', ms: 1000, size: 2 },
      { phase: 'total', ms: 11_500 / 4 },
    ]);
  });

  it.each([
    ['aborted', 'abort'],
    ['hedged', 'hedge'],
  ] as const)('is cut short when the attempt was %s', (how, censored) => {
    const { dog, clock, seen } = watch(budgets(60_000));
    clock.moveTo(2000);
    dog.progress('text');
    clock.moveTo(9000);
    dog.end(how);
    expect(seen).toEqual([
      { phase: 'first', ms: 2000, size: 1 },
      { phase: 'text', ms: 7000, censored, size: 1 },
    ]);
  });

  it('says nothing of the phase in which the provider failed', () => {
    const { dog, clock, seen } = watch(budgets(60_000));
    clock.moveTo(2000);
    dog.progress('text');
    clock.moveTo(9000);
    dog.end('failed');
    expect(seen).toEqual([{ phase: 'first', ms: 2000, size: 1 }]);
  });

  it.each(['done', 'failed', 'aborted'] as const)(
    'is a time-out after a time-out, also when the owner says %s',
    (how) => {
      const { dog, clock, seen } = watch(budgets(8000));
      dog.progress('text');
      clock.moveTo(30_000);
      dog.end(how);
      expect(seen).toEqual([
        { phase: 'first', ms: 0, size: 1 },
        { phase: 'text', ms: 8000, censored: 'timeout', size: 1 },
      ]);
    },
  );

  it('tells a deadline from a time-out', () => {
    const { dog, clock, seen } = watch(budgets(60_000, { deadlineAt: 5000 }));
    clock.moveTo(5000);
    dog.end('failed');
    expect(seen).toEqual([{ phase: 'first', ms: 5000, censored: 'deadline', size: 1 }]);
  });

  it('is told once, and the end leaves no timer behind', () => {
    const { dog, clock, seen, log } = watch(budgets(8000));
    clock.moveTo(100);
    expect(dog.end('done')).toHaveLength(1);
    expect(dog.end('done')).toEqual([]);
    dog.dispose();
    dog.progress('text');
    dog.pause();
    dog.resume();
    clock.moveTo(100_000);
    expect(seen).toHaveLength(1);
    expect(log).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('holds one timer, however many deltas come', () => {
    const { dog, clock } = watch(budgets(60_000));
    for (let at = 0; at < 100_000; at += 7) {
      clock.moveTo(at);
      dog.progress('text');
      expect(clock.pending).toBe(1);
    }
  });
});

describe('on the clock of the machine', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('ends a silent call, and a lively one not', async () => {
    const dead = new Watchdog(budgets(8000));
    const lively = new Watchdog(budgets(8000));
    for (let i = 0; i < 12; i += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      lively.progress('text');
    }
    expect(TimeoutReason.is(dead.signal.reason)).toBe(true);
    expect(lively.signal.aborted).toBe(false);
    lively.end('done');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(lively.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
