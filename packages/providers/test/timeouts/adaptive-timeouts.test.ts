import { fc, it as property } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';

import { VirtualClock } from '../../bench/timeouts-clock.ts';
import { seededRandom } from '../../src/simulator/seeded-random.ts';
import {
  AdaptiveTimeouts,
  type Observation,
  type TimeoutKey,
  type TimeoutOptions,
  Watchdog,
} from '../../src/timeouts/index.ts';

const BASE: TimeoutKey = { provider: 'glm', model: 'glm-4.5-flash' };
const THINKING: TimeoutKey = { provider: 'kimi', model: 'kimi-k2.6', thinking: true };
const MODES: readonly (readonly [string, TimeoutKey, number])[] = [
  ['base', BASE, 240_000],
  ['web search', { ...BASE, webSearch: true }, 300_000],
  ['thinking', THINKING, 360_000],
  ['thinking by effort', { ...THINKING, thinking: 'high' }, 360_000],
  ['web search and thinking', { ...THINKING, webSearch: true }, 420_000],
];

const never = (): number => 0.999;
const create = (options: TimeoutOptions = {}): AdaptiveTimeouts => new AdaptiveTimeouts({ random: never, ...options });

/** Teaches a phase silences spread evenly up to `most`. */
function teach(timeouts: AdaptiveTimeouts, key: TimeoutKey, phase: Observation['phase'], most: number, n = 400): void {
  for (let i = 1; i <= n; i += 1) timeouts.observe(key, { phase, ms: (most * i) / n });
}

describe('before anything is learned', () => {
  it.each(MODES)('%s starts at shares of its entry of the table', (_, key, entry) => {
    const budgets = create().budgets(key);
    expect(budgets.first).toBeCloseTo(0.87 * entry, 3);
    expect(budgets.reasoning).toBeCloseTo(0.42 * entry, 3);
    expect(budgets.text).toBeCloseTo(0.42 * entry, 3);
    expect(budgets.source).toMatchObject({ first: 'seed', reasoning: 'seed', 'tool-args': 'seed' });
  });

  it('lets a thinking model take 310 s to its first token and pause for 150 s', () => {
    const budgets = create().budgets(THINKING);
    expect(budgets.first).toBeGreaterThan(310_000);
    expect(budgets.reasoning).toBeGreaterThan(150_000);
  });

  it('takes the ceilings from its own table', () => {
    const timeouts = create({ table: { base: 100_000, thinking: 200_000 } });
    expect(timeouts.table).toEqual({ base: 100_000, web: 300_000, thinking: 200_000, webThinking: 420_000 });
    expect(timeouts.budgets(BASE).first).toBeCloseTo(87_000, 6);
    expect(timeouts.budgets(THINKING).text).toBeCloseTo(84_000, 6);
  });
});

describe('learning', () => {
  it.each([
    ['fast', 1.5],
    ['balanced', 2],
    ['cautious', 3],
  ] as const)('%s approaches %s times the 0.99 quantile', (profile, margin) => {
    const timeouts = create({ profile, tuning: { blendAfter: 0.001 } });
    teach(timeouts, THINKING, 'reasoning', 20_000);
    expect(timeouts.budgets(THINKING).reasoning).toBeCloseTo(margin * 19_800, -1);
    expect(timeouts.budgets(THINKING).source.reasoning).toBe('learned');
  });

  it('moves from the table to what it learned as samples come in', () => {
    const timeouts = create();
    const budgets = [0, 10, 60, 300].map((n) => {
      teach(timeouts, THINKING, 'text', 10_000, n);
      return timeouts.budgets(THINKING).text;
    });
    expect(budgets).toEqual(budgets.toSorted((a, b) => b - a));
    expect(budgets[0]).toBeCloseTo(151_200, 3);
    expect(budgets[3]).toBeLessThan(40_000);
  });

  it('keeps phases and modes apart', () => {
    const timeouts = create();
    teach(timeouts, THINKING, 'reasoning', 10_000);
    const fresh = create();
    expect(timeouts.budgets(THINKING).text).toBe(fresh.budgets(THINKING).text);
    expect(timeouts.budgets({ ...THINKING, webSearch: true })).toEqual(fresh.budgets({ ...THINKING, webSearch: true }));
    expect(timeouts.budgets({ ...THINKING, provider: 'glm' })).toEqual(fresh.budgets({ ...THINKING, provider: 'glm' }));
  });

  it('starts a new key from what its siblings learned, and ends with its own', () => {
    const timeouts = create();
    teach(timeouts, THINKING, 'reasoning', 10_000);
    const sibling = { ...THINKING, tools: true };
    const warm = timeouts.budgets(sibling).reasoning;
    expect(warm).toBeLessThan(create().budgets(sibling).reasoning);
    expect(warm).toBeGreaterThan(timeouts.budgets(THINKING).reasoning);
    teach(timeouts, sibling, 'reasoning', 60_000);
    const alone = create();
    teach(alone, sibling, 'reasoning', 60_000);
    expect(timeouts.budgets(sibling).reasoning).toBe(alone.budgets(sibling).reasoning);
  });

  it('allows long prompts a later first token, in proportion', () => {
    const timeouts = create({ tuning: { blendAfter: 0.001 } });
    for (let i = 0; i < 400; i += 1) timeouts.observe(THINKING, { phase: 'first', ms: 20_000, size: 2 });
    expect(timeouts.budgets(THINKING).first).toBeCloseTo(20_000, -1);
    expect(timeouts.budgets(THINKING, { promptTokens: 150_000 }).first).toBeCloseTo(80_000, -1);
    expect(timeouts.budgets(THINKING, { promptTokens: 150_000 }).text).toBe(timeouts.budgets(THINKING).text);
  });

  it('learns nothing from an abort that came early, and counts one that came late', () => {
    const timeouts = create();
    teach(timeouts, THINKING, 'text', 10_000);
    const before = timeouts.explain(THINKING).text;
    timeouts.observe(THINKING, { phase: 'text', ms: 3000, censored: 'abort' });
    expect(timeouts.explain(THINKING).text).toEqual(before);
    for (let i = 0; i < 20; i += 1) timeouts.observe(THINKING, { phase: 'text', ms: 9500, censored: 'abort' });
    expect(timeouts.explain(THINKING).text.complete).toBeLessThan(before.complete);
  });
});

describe('limits of a budget', () => {
  it.each(MODES)('%s never passes its entry of the table', (_, key, entry) => {
    const timeouts = create();
    teach(timeouts, key, 'first', 3_000_000);
    teach(timeouts, key, 'text', 3_000_000);
    expect(timeouts.budgets(key).first).toBe(entry);
    expect(timeouts.budgets(key).text).toBe(entry);
  });

  it('raises the ceiling of the first token for prompts above 32,000 tokens only', () => {
    const timeouts = create();
    teach(timeouts, BASE, 'first', 3_000_000);
    expect(timeouts.budgets(BASE, { promptTokens: 32_000 }).first).toBe(240_000);
    expect(timeouts.budgets(BASE, { promptTokens: 114_000 }).first).toBeCloseTo(480_000, 3);
  });

  it('never goes below its floor of 8 s, or 6 s in text', () => {
    const timeouts = create();
    for (const phase of ['first', 'reasoning', 'text', 'tool-args', 'server-tool'] as const)
      teach(timeouts, THINKING, phase, 20);
    const { first, reasoning, text, 'tool-args': args, 'server-tool': tool } = timeouts.budgets(THINKING);
    expect([first, reasoning, text, args, tool]).toEqual([8000, 8000, 6000, 8000, 8000]);
  });

  it('multiplies table and floors by timeScale', () => {
    const timeouts = create({ timeScale: 0.01 });
    expect(timeouts.table).toEqual({ base: 2400, web: 3000, thinking: 3600, webThinking: 4200 });
    for (const phase of ['first', 'text'] as const) teach(timeouts, BASE, phase, 0.02);
    expect(timeouts.budgets(BASE)).toMatchObject({ first: 80, text: 60, connect: 100 });
  });

  it('tells of a stall before every budget', () => {
    const timeouts = create();
    teach(timeouts, THINKING, 'reasoning', 10_000);
    const { stalled, ...budgets } = timeouts.budgets(THINKING);
    for (const phase of ['connect', 'first', 'reasoning', 'text', 'tool-args', 'server-tool'] as const) {
      expect(stalled[phase]).toBeLessThan(budgets[phase] * 0.76);
      expect(stalled[phase]).toBeGreaterThan(budgets[phase] * 0.39);
    }
  });

  property.prop([
    fc.array(
      fc.record({
        phase: fc.constantFrom('first', 'reasoning', 'text', 'tool-args', 'server-tool' as const),
        ms: fc.double({ min: 0, max: 1e7, noNaN: true }),
        censored: fc.constantFrom(undefined, 'timeout', 'deadline', 'abort', 'hedge' as const),
      }),
      { maxLength: 60 },
    ),
    fc.integer({ min: 0, max: 1_000_000 }),
    fc.integer({ min: 0, max: 4 }),
  ])('stays between floor and ceiling whatever was seen', (seen, promptTokens, mode) => {
    const [, key, entry] = MODES[mode]!;
    const timeouts = create();
    for (const { censored, ...one } of seen) timeouts.observe(key, censored === undefined ? one : { ...one, censored });
    const budgets = timeouts.budgets(key, { promptTokens });
    const size = 1 + promptTokens / 50_000;
    for (const phase of ['reasoning', 'text', 'tool-args', 'server-tool'] as const) {
      expect(budgets[phase]).toBeGreaterThanOrEqual(phase === 'text' ? 6000 : 8000);
      expect(budgets[phase]).toBeLessThanOrEqual(entry);
    }
    expect(budgets.first).toBeGreaterThanOrEqual(8000);
    expect(budgets.first).toBeLessThanOrEqual(entry * Math.max(1, size / 1.64) * 1.000001);
  });
});

describe('back-off', () => {
  it('doubles the phase that timed out, up to eight times, and decays with successes', () => {
    const timeouts = create();
    teach(timeouts, THINKING, 'text', 4000);
    teach(timeouts, THINKING, 'reasoning', 4000);
    const before = timeouts.budgets(THINKING).text;
    const backoffs: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      timeouts.observe(THINKING, { phase: 'text', ms: 8000, censored: 'timeout' });
      backoffs.push(timeouts.explain(THINKING).text.backoff);
    }
    expect(backoffs).toEqual([2, 4, 8, 8, 8]);
    expect(timeouts.budgets(THINKING).source.text).toBe('backoff');
    expect(timeouts.budgets(THINKING).text / before).toBeGreaterThan(7);
    expect(timeouts.explain(THINKING).reasoning.backoff).toBe(1);
    timeouts.observe(THINKING, { phase: 'text', ms: 1000 });
    expect(timeouts.explain(THINKING).text.backoff).toBeCloseTo(5.6, 9);
    for (let i = 0; i < 20; i += 1) timeouts.observe(THINKING, { phase: 'text', ms: 1000 });
    expect(timeouts.explain(THINKING).text.backoff).toBe(1);
  });

  it.each(['deadline', 'abort', 'hedge'] as const)('does not back off after %s', (censored) => {
    const timeouts = create();
    timeouts.observe(THINKING, { phase: 'text', ms: 8000, censored });
    expect(timeouts.explain(THINKING).text.backoff).toBe(1);
  });
});

describe('exploration', () => {
  it('gives a seeded half per cent of the calls the ceiling', () => {
    const timeouts = create({ random: seededRandom(3) });
    teach(timeouts, BASE, 'text', 1000);
    const sources = Array.from({ length: 4000 }, () => timeouts.budgets(BASE));
    const explored = sources.filter(({ source }) => source.text === 'explore');
    expect(explored.length).toBeGreaterThan(8);
    expect(explored.length).toBeLessThan(36);
    expect(explored[0]).toMatchObject({ first: 240_000, text: 240_000 });
  });
});

describe('the whole attempt', () => {
  it('has no bound without maxTokens, and one that the slowest stream keeps with it', () => {
    const timeouts = create();
    expect(timeouts.budgets(BASE).total).toBe(Number.POSITIVE_INFINITY);
    expect(timeouts.budgets(BASE, { maxTokens: 10 }).total).toBeGreaterThanOrEqual(1.5 * 240_000);
    expect(timeouts.budgets(BASE, { maxTokens: 16_000 }).total).toBeGreaterThan(1.5 * 16_000 * 200);
    for (let i = 0; i < 100; i += 1) timeouts.observe(BASE, { phase: 'total', ms: 900 });
    expect(timeouts.budgets(BASE, { maxTokens: 16_000 }).total).toBeGreaterThan(1.5 * 16_000 * 900);
  });

  it('is bounded by totalMs when that is set', () => {
    expect(create({ totalMs: 77_000 }).budgets(BASE, { maxTokens: 16_000 }).total).toBe(77_000);
  });

  it.each(MODES)('fixed uses the entry of %s as its timer and learns nothing', (_, key, entry) => {
    const timeouts = create({ profile: 'fixed' });
    teach(timeouts, key, 'first', 10);
    const budgets = timeouts.budgets(key);
    expect(budgets.total).toBe(entry);
    expect(budgets.first).toBe(Number.POSITIVE_INFINITY);
    expect(budgets.source.total).toBe('fixed');
    expect(timeouts.snapshot().keys).toEqual([]);
    expect(timeouts.explain(key).first).toMatchObject({ source: 'fixed', samples: 0 });
  });
});

describe('deadlines', () => {
  it('calls a call hopeless whose deadline leaves less than a median first token', () => {
    const clock = new VirtualClock();
    clock.moveTo(1_000_000);
    const timeouts = create({ clock });
    expect(timeouts.budgets(THINKING, { deadlineAt: 1_000_001 }).hopeless).toBe(false);
    expect(timeouts.budgets(THINKING, { deadlineAt: 1_000_000 }).hopeless).toBe(true);
    teach(timeouts, THINKING, 'first', 20_000);
    expect(timeouts.budgets(THINKING, { deadlineAt: 1_009_000 }).hopeless).toBe(true);
    expect(timeouts.budgets(THINKING, { deadlineAt: 1_011_000 }).hopeless).toBe(false);
    expect(timeouts.budgets(THINKING, { deadlineAt: 1_011_000, promptTokens: 50_000 }).hopeless).toBe(true);
  });
});

describe('explain', () => {
  it('says what is known and why a budget is what it is', () => {
    const timeouts = create();
    expect(timeouts.explain(THINKING).text).toEqual({
      samples: 0,
      complete: 0,
      plateau: 0,
      backoff: 1,
      budgetMs: 151_200,
      ceilingMs: 360_000,
      floorMs: 6000,
      source: 'seed',
      why: '151.2 s: the table, nothing was seen yet',
    });
    teach(timeouts, THINKING, 'text', 10_000);
    const { q50, q95, q99, why, samples, complete } = timeouts.explain(THINKING).text;
    expect([q50, q95, q99]).toEqual([5000, 9500, 9900]);
    expect([samples, complete]).toEqual([400, 400]);
    expect(why).toMatch(/^2\d\.\d s: 2 × the 0\.99 quantile, blended with the table by 400 complete samples$/);
  });
});

describe('snapshot and restore', () => {
  it('starts a new process warm, at half the weight', () => {
    const timeouts = create();
    teach(timeouts, THINKING, 'text', 10_000);
    for (let i = 0; i < 4; i += 1) timeouts.observe(THINKING, { phase: 'text', ms: 20_000, censored: 'timeout' });
    const restored = create();
    restored.restore(JSON.parse(JSON.stringify(timeouts.snapshot())));
    const before = timeouts.explain(THINKING).text;
    const after = restored.explain(THINKING).text;
    expect(after.samples).toBe(200);
    expect(after.backoff).toBe(8);
    expect(Math.abs((after.q99 ?? 0) - (before.q99 ?? 0))).toBeLessThan(60);
    expect(after.plateau).toBeCloseTo(before.plateau, 2);
  });

  it.each([
    [{ version: 2, keys: [] }, 'snapshot.version must be 1, got 2'],
    [null, 'snapshot must be an object'],
    [{ version: 1 }, 'snapshot.keys must be a list'],
    [{ version: 1, keys: [{ key: { provider: 'glm' }, phases: [] }] }, 'key.provider and key.model must be text'],
    [
      { version: 1, keys: [{ key: BASE, phases: [{ phase: 'lunch', backoff: 1, samples: [] }] }] },
      'phase must be one of connect, first, reasoning, text, tool-args, server-tool, total, got lunch',
    ],
    [
      { version: 1, keys: [{ key: BASE, phases: [{ phase: 'text', backoff: 0, samples: [] }] }] },
      'backoff must be a number of at least 1',
    ],
    [
      { version: 1, keys: [{ key: BASE, phases: [{ phase: 'text', backoff: 1, samples: ['x'] }] }] },
      'samples must be finite numbers, got x',
    ],
  ])('refuses %j', (snapshot, message) => {
    const timeouts = create();
    expect(() => timeouts.restore(snapshot)).toThrow(message);
    expect(timeouts.snapshot().keys).toEqual([]);
  });
});

describe('memory', () => {
  it('forgets the key unused longest beyond maxKeys', () => {
    const timeouts = create({ maxKeys: 2 });
    const keys = ['a', 'b', 'c'].map((model) => ({ provider: 'glm', model }));
    timeouts.observe(keys[0]!, { phase: 'text', ms: 1 });
    timeouts.observe(keys[1]!, { phase: 'text', ms: 1 });
    timeouts.budgets(keys[0]!);
    timeouts.observe(keys[2]!, { phase: 'text', ms: 1 });
    expect(timeouts.snapshot().keys.map(({ key }) => key.model)).toEqual(['a', 'c']);
  });
});

describe('options', () => {
  it.each([
    [{ timeScale: 0 }, 'timeScale must be a positive number, got 0'],
    [{ table: { base: -1 } }, 'table.base must be a positive number, got -1'],
    [{ totalMs: Number.NaN }, 'totalMs must be a positive number, got NaN'],
    [{ tuning: { margin: 0 } }, 'margin must be a positive number, got 0'],
    [{ tuning: { explore: 2 } }, 'explore must be between 0 and 1, got 2'],
    [{ tuning: { window: 70_000 } }, 'window must be a whole number from 1 to 65535, got 70000'],
    [{ tuning: { quantile: 1.5 } }, 'quantile must be above 0 and at most 1, got 1.5'],
    [{ maxKeys: 0 }, 'maxKeys must be a positive number, got 0'],
    [{ profile: 'quick' as never }, 'profile must be fast, balanced, cautious or fixed, got "quick"'],
  ])('refuses %j', (options, message) => {
    expect(() => new AdaptiveTimeouts(options)).toThrow(RangeError);
    expect(() => new AdaptiveTimeouts(options)).toThrow(message);
  });
});

describe('onObserve', () => {
  it.each(['balanced', 'fixed'] as const)('is told what was seen of each attempt, %s', (profile) => {
    const clock = new VirtualClock();
    const told: unknown[] = [];
    const timeouts = create({ clock, profile, onObserve: (key, seen) => told.push({ key, seen }) });
    const dog = timeouts.watch(BASE);
    clock.moveTo(1000);
    dog.progress('text');
    dog.end('done');
    expect(told).toEqual([
      {
        key: BASE,
        seen: [
          { phase: 'first', ms: 1000, size: 1 },
          { phase: 'text', ms: 0, size: 1 },
        ],
      },
    ]);
  });
});

describe('watch', () => {
  it('learns what its watchdog saw once the attempt ends', () => {
    const clock = new VirtualClock();
    const timeouts = create({ clock });
    const dog = timeouts.watch(THINKING, { promptTokens: 50_000 });
    expect(dog).toBeInstanceOf(Watchdog);
    clock.moveTo(4000);
    dog.progress('reasoning');
    clock.moveTo(7000);
    dog.progress('text');
    clock.moveTo(7500);
    dog.end('done');
    dog.end('done');
    expect(timeouts.snapshot().keys[0]?.phases).toEqual([
      { phase: 'first', backoff: 1, samples: [2000] },
      { phase: 'reasoning', backoff: 1, samples: [3000] },
      { phase: 'text', backoff: 1, samples: [500] },
      { phase: 'total', backoff: 1, samples: [3500] },
    ]);
  });
});
