import { describe, expect, test } from 'vitest';

import {
  builtInScenario,
  checkComparison,
  compare,
  countPermits,
  estimatePermits,
  fairQueueBoundMs,
  explain,
  fitCapacity,
  PermitWatch,
  runScenario,
  searchCapacity,
  testInterference,
  virtual,
  VirtualClock,
} from '../src/index.ts';
import type { InterferenceOptions, InterferenceResult, PermitLimits, RunResult, Scenario } from '../src/index.ts';

const FREE: PermitLimits = { global: 1000, session: 1000, providers: { glm: 1000, kimi: 1000 } };
const SHARED: PermitLimits = { global: 5, session: 1000, providers: { glm: 1000, kimi: 1000 } };
const isFull = process.env['EXAI_PROOF'] === 'full';

const interfere = (
  limits: PermitLimits,
  seed: number,
  inFlight = 8,
  jitter = 0,
  more: Partial<InterferenceOptions> = {},
): Promise<InterferenceResult> => {
  const clock = new VirtualClock({ synchronous: false });
  return clock.run(
    testInterference({
      clock,
      seed,
      driver: virtual({ clock, limits, overheadMs: jitter }),
      victim: { tool: 'chat', serviceMs: 8, perSecond: 25 },
      aggressor: { tool: 'chat', serviceMs: 40, inFlight },
      ...more,
    }),
  );
};

describe('does one session suffer from another', () => {
  test('independent sessions: no alarm', async () => {
    const result = await interfere(FREE, 1);
    expect(result.verdict).toBe('none_found');
    expect(result.effectMs).toBeCloseTo(0, 6);
    expect(result.pairs).toHaveLength(12);
  });

  test('five shared permits under a flood: alarm, p < 0.001', async () => {
    const result = await interfere(SHARED, 1);
    expect(result.verdict).toBe('interference');
    expect(result.p).toBeLessThan(0.001);
    expect(result.effectMs).toBeGreaterThan(3);
  });

  test('the same permits with the aggressor held to two: none', async () => {
    expect((await interfere({ ...SHARED, session: 2 }, 3)).verdict).toBe('none_found');
  });

  test('one lock for all: alarm', async () => {
    const result = await interfere({ ...SHARED, global: 1 }, 1);
    expect(result.verdict).toBe('interference');
    expect(result.effectMs).toBeGreaterThan(20);
  });

  test('sessions that share permits by design: within the bound of a fair queue it is no alarm, beyond it still is', async () => {
    expect(fairQueueBoundMs(2, 3, 40)).toBe(80);
    expect(fairQueueBoundMs(5, 2, 40)).toBe(160);
    const shared = await interfere(SHARED, 1, 8, 0, { allowedMs: fairQueueBoundMs(2, 5, 40) });
    expect(shared).toMatchObject({ verdict: 'within_bound', sharing: 'provider', allowedMs: 80 });
    expect(shared.p).toBeLessThan(0.001);
    const locked = await interfere({ ...SHARED, global: 1 }, 1, 8, 0, { allowedMs: fairQueueBoundMs(2, 5, 40) });
    expect(locked.verdict).toBe('interference');
    expect(locked.effectMs).toBeGreaterThan(80);
  });

  test('more pairs than can be enumerated, and fewer than can reach alpha, are refused', async () => {
    const clock = new VirtualClock();
    const base = {
      clock,
      driver: virtual({ clock, limits: FREE }),
      victim: { tool: 'chat', serviceMs: 1, perSecond: 1 },
      aggressor: { tool: 'chat', serviceMs: 1, inFlight: 1 },
    };
    await expect(testInterference({ ...base, pairs: 21 })).rejects.toThrow(/pairs must be at most 20/);
    await expect(testInterference({ ...base, pairs: 5 })).rejects.toThrow(/enough for alpha 0.01/);
  });
});

describe('permits seen from outside', () => {
  const count = (global: number): Promise<{ permits: number }> => {
    const clock = new VirtualClock({ synchronous: true });
    const limits = { global, session: 15, providers: { glm: 15 } };
    return clock.run(countPermits({ clock, createDriver: () => virtual({ clock, limits }) }));
  };

  test.each([5, 4, 1])('a server of %i permits shows %i', async (permits) => {
    expect((await count(permits)).permits).toBeCloseTo(permits, 1);
  });

  test('throughput that is flat beyond a knee is a hard limit, not a curve that declines', () => {
    const points = [1, 2, 3, 5, 8, 10, 15, 24].map((concurrency) => ({
      concurrency,
      perSecond: Math.min(concurrency * 48, 242),
    }));
    const fit = fitCapacity(points, 1000 / 48);
    expect(fit.model).toBe('bounds');
    expect(fit.bounds.rSquared).toBeGreaterThan(0.99);
    expect(fit.permits).toBeCloseTo(estimatePermits(242, 1000 / 48), 9);
    expect(fit.usl.rSquared).toBeLessThan(0.98);
  });
});

describe('permits read from the metrics page', () => {
  const watched = async (break_: (driver: ReturnType<typeof virtual>) => void, seed = 1): Promise<RunResult> => {
    const clock = new VirtualClock();
    const driver = virtual({ clock, limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } } });
    const permits = new PermitWatch({
      url: 'virtual',
      clock,
      read: () => driver.readMetrics(),
      everyMs: 5000,
      settleLimitMs: 500,
    });
    const scenario: Scenario = { ...builtInScenario('baseline'), durationMs: 60_000, thresholds: [] };
    clock.at(20_000, () => break_(driver));
    return clock.run(runScenario(scenario, { clock, driver, permits, seed }));
  };

  test('fifty clean runs: no false alarm', async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const { permits, verdict } = await watched(() => undefined, seed);
      expect(permits?.violations).toEqual([]);
      expect(permits?.leaks).toBe(0);
      expect(verdict.exit).toBe(0);
    }
  });

  test.each(['glm', 'kimi'])('a leaked %s permit is seen, exit 6', async (provider) => {
    const { permits, verdict } = await watched((driver) => driver.permits.leak(provider, 1));
    expect(permits?.leaks).toBe(1);
    expect(verdict.exit).toBe(6);
  });

  test.each(['glm', 'kimi'])('a %s permit given back twice is seen, exit 6', async (provider) => {
    const { permits, verdict } = await watched((driver) => driver.permits.doubleRelease(provider));
    expect(permits?.violations.map(({ rule }) => rule)).toContain(
      'current is never above expected: a permit was given back twice',
    );
    expect(verdict.exit).toBe(6);
  });
});

describe('recovery', () => {
  test('the timeline tells when a leak was injected, found, repaired, and throughput back', async () => {
    const clock = new VirtualClock();
    const driver = virtual({
      clock,
      limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } },
      healthCheckMs: 2000,
    });
    const permits = new PermitWatch({ url: 'virtual', clock, read: () => driver.readMetrics(), everyMs: 500 });
    const result = await clock.run(
      runScenario(builtInScenario('recovery'), { clock, driver, permits, faults: driver }),
    );
    expect(result.verdict).toMatchObject({ exit: 0, reasons: [] });
    expect(result.recovery).toHaveLength(2);
    for (const event of result.recovery ?? []) {
      expect(event.repairedAfterMs).toBeGreaterThan(0);
      expect(event.throughputBackAfterMs).toBeGreaterThanOrEqual(0);
      expect(event.failuresDuring).toBe(0);
    }
    expect(result.permits).toMatchObject({ leaksDetected: 2, leaks: 0, overCapacity: 0 });
  });

  test('a server that never repairs fails the scenario', async () => {
    const clock = new VirtualClock();
    const driver = virtual({ clock, limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } } });
    const permits = new PermitWatch({ url: 'virtual', clock, read: () => driver.readMetrics(), everyMs: 500 });
    const result = await clock.run(
      runScenario(builtInScenario('recovery'), { clock, driver, permits, faults: driver }),
    );
    expect(result.verdict.exit).toBe(6);
    expect(result.thresholds.find(({ text }) => text === 'recovery.repaired >= 2')?.status).toBe('fail');
  });

  test('a target without a way to inject faults is refused before anything is sent', async () => {
    const clock = new VirtualClock();
    const driver = virtual({ clock, limits: FREE });
    await expect(runScenario(builtInScenario('recovery'), { clock, driver })).rejects.toThrow(
      expect.objectContaining({ code: 'FAULTS_UNAVAILABLE' }),
    );
    expect(driver.wire.connectsTried).toBe(0);
  });

  test('a fault that the target refuses voids the run', async () => {
    const clock = new VirtualClock();
    const driver = virtual({ clock, limits: FREE });
    const scenario: Scenario = { ...builtInScenario('baseline'), faults: [{ at: 0.5, kind: 'hang' }] };
    const result = await clock.run(runScenario(scenario, { clock, driver, faults: driver }));
    expect(result.verdict).toMatchObject({ exit: 4 });
    expect(result.verdict.reasons[0]).toMatch(/the fault was not injected: hang/);
  });
});

describe('explain', () => {
  test('with the defaults the providers bind together with the global limit, and three minutes support no p95', async () => {
    const { bounds, supported, simulated, meanServiceMs } = await explain(builtInScenario('baseline'));
    expect(meanServiceMs).toBe(30_250);
    expect(bounds.map(({ name }) => name)).toEqual(['load', 'global', 'provider glm', 'provider kimi', 'session']);
    expect(bounds.find(({ name }) => name === 'global')?.perSecond).toBeCloseTo(0.1653, 3);
    expect(bounds.find(({ name }) => name === 'provider glm')?.perSecond).toBeCloseTo(0.1653, 3);
    expect(simulated?.calls).toBeGreaterThan(20);
    expect(simulated?.calls).toBeLessThan(45);
    expect(supported[0]?.percentiles.map(({ isSupported }) => isSupported)).toEqual([
      true,
      expect.any(Boolean),
      false,
      false,
    ]);
  });

  test('when everything goes to GLM, its limit of 2 binds, and five sessions are no use', async () => {
    const scenario = builtInScenario('baseline');
    const onlyGlm = { ...scenario, mix: scenario.mix.map((entry) => ({ ...entry, providers: { glm: 100 } })) };
    expect((await explain(onlyGlm)).binding).toEqual(['provider glm']);
  });

  test.each([
    ['baseline', ['load', 'global', 'provider glm', 'provider kimi'], ['load', 'global']],
    ['stress', ['global', 'provider glm', 'provider kimi'], ['global']],
    ['extreme', ['global', 'provider glm', 'provider kimi'], ['global']],
    ['timeout', ['load', 'global', 'provider glm', 'provider kimi'], ['load', 'global']],
    ['recovery', ['global', 'provider glm', 'provider kimi'], ['global']],
  ])(
    '%s: with the default limits no tier binds alone; with GLM 4, Kimi 4 and global 5 the providers do not',
    async (name, binding, roomy) => {
      expect((await explain(builtInScenario(name))).binding).toEqual(binding);
      const variant = builtInScenario(`${name}-global`);
      expect(variant.limits).toEqual({ global: 5, session: 2, providers: { glm: 4, kimi: 4 } });
      expect(variant.load).toEqual(builtInScenario(name).load);
      expect((await explain(variant)).binding).toEqual(roomy);
    },
  );

  test('an arriving-sessions scenario can be explained as well', async () => {
    const { binding, simulated } = await explain(builtInScenario('realistic'));
    expect(binding).toEqual(['load']);
    expect(simulated?.calls).toBeGreaterThan(5);
  });
});

describe('comparing runs', () => {
  const runs = async (count: number, slower = 1, from = 0): Promise<RunResult[]> => {
    const results: RunResult[] = [];
    for (let index = 0; index < count; index += 1) {
      const clock = new VirtualClock({ synchronous: true });
      const scenario: Scenario = {
        name: 'compare',
        durationMs: 2400,
        load: { kind: 'open', sessions: 5, rate: 125 },
        mix: [
          {
            tool: 'chat',
            weight: 100,
            service: { dist: 'lognormal', meanMs: 20 * slower, sigma: 0.6 },
            deadlineMs: 60_000,
          },
        ],
      };
      results.push(
        await clock.run(
          runScenario(scenario, {
            clock,
            seed: from + index + 1,
            driver: virtual({ clock, limits: { global: 5, session: 5, providers: { glm: 5 } } }),
          }),
        ),
      );
    }
    return results;
  };

  test('five slower runs regress, five faster ones improve, five alike do neither', async () => {
    const before = await runs(5);
    expect(compare(before, await runs(5, 1.3, 100)).verdict).toBe('regressed');
    expect(compare(before, await runs(5, 0.7, 100)).verdict).toBe('improved');
    const same = compare(before, await runs(5, 1, 200));
    expect(same.verdict).toBe('no_change');
    expect(same.metrics[0]?.detectable).toBeGreaterThan(0.01);
  });

  test('single runs are inconclusive, however different their latency', async () => {
    const { verdict, reasons } = compare(await runs(1), await runs(1, 3));
    expect(verdict).toBe('inconclusive');
    expect(reasons[0]).toMatch(/1 runs a side; 4 are needed/);
  });

  test('no failure before and half of the calls after is a regression even with one run a side', async () => {
    const [before] = await runs(1);
    if (!before) throw new Error('no run');
    const { calls, outcomes } = before.totals;
    const half = Math.floor(calls / 2);
    const after = {
      ...before,
      totals: { ...before.totals, outcomes: { ...outcomes, ok: half, tool_error: calls - half } },
    };
    expect(compare([before], [after]).verdict).toBe('regressed');
  });

  test('void runs and runs of other scenarios are not compared', async () => {
    const [run] = await runs(1);
    if (!run) throw new Error('no run');
    const isVoid: RunResult = { ...run, verdict: { exit: 4, status: 'void', reasons: [] } };
    expect(compare([run], [isVoid])).toMatchObject({ verdict: 'inconclusive', metrics: [] });
    expect(compare([run], [{ ...run, meta: { ...run.meta, timeScale: 0.5 } }]).reasons[0]).toMatch(
      /different scenarios/,
    );
  });

  test('the gate against itself: at most 5 % false alarms, and +30 % found 90 times in 100', async () => {
    const pairs = isFull ? 1000 : 25;
    const unchanged = await checkComparison({ pairs });
    // The bound of a small sample: P(more than 5 of 25 | 5 %) < 0.2 %.
    expect(unchanged.alarms).toBeLessThanOrEqual(isFull ? 50 : 5);
    const power = await checkComparison({ pairs: isFull ? 200 : 8, slower: 1.3, calls: 300 });
    expect(power.verdicts.regressed / power.pairs).toBeGreaterThanOrEqual(isFull ? 0.9 : 0.75);
  }, 600_000);
});

test('search finds the highest number of sessions that keeps the objective, and counts the permits', async () => {
  const probe = (sessions: number): Promise<RunResult> => {
    const clock = new VirtualClock({ synchronous: true });
    const scenario: Scenario = {
      name: 'search',
      durationMs: 30_000,
      load: { kind: 'closed', sessions },
      mix: [{ tool: 'chat', weight: 100, service: { dist: 'constant', ms: 20 }, deadlineMs: 60_000 }],
      thresholds: ['response.p95 < 50ms'],
    };
    return clock.run(
      runScenario(scenario, {
        clock,
        driver: virtual({ clock, limits: { global: 5, session: 5, providers: { glm: 5 } } }),
      }),
    );
  };
  const { highest, capacity, points } = await searchCapacity({ probe, upTo: 64 });
  // Twelve sessions on five permits wait at most 3 × 20 ms in turn, ten 2 × 20 ms.
  expect(highest).toBeGreaterThanOrEqual(10);
  expect(highest).toBeLessThanOrEqual(12);
  expect(points.filter(({ level }) => level === highest)).toHaveLength(3);
  expect(capacity?.permits).toBeCloseTo(5, 1);
  expect(capacity?.model).toBe('bounds');
});
