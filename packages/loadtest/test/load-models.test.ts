import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';

import { arrivalTimes, stageArea } from '../src/arrival-times.ts';
import { CallSource } from '../src/call-source.ts';
import {
  builtInScenario,
  createRandom,
  runScenario,
  scaleScenario,
  virtual,
  VirtualClock,
  withDuration,
} from '../src/index.ts';
import type { PermitLimits, RunResult, Scenario } from '../src/index.ts';
import { meanOfValues, percentileOf } from '../src/statistics.ts';

const DEFAULTS: PermitLimits = { global: 5, session: 2, providers: { glm: 2, kimi: 3 } };
const constant = (ms: number): Scenario['mix'] => [
  { tool: 'chat', weight: 100, service: { dist: 'constant', ms }, deadlineMs: 1e6 },
];

async function simulate(scenario: Scenario, limits: PermitLimits = DEFAULTS, seed = 42): Promise<RunResult> {
  const clock = new VirtualClock({ synchronous: scenario.load.kind !== 'sessions' });
  return clock.run(runScenario(scenario, { driver: virtual({ clock, limits }), clock, seed }));
}

describe('arrivals', () => {
  const times = (
    stages: Scenario extends never ? never : { durationMs: number; rate: number; toRate?: number }[],
  ): number[] => [...arrivalTimes(stages, { kind: 'constant' }, createRandom(1))];

  test.each([
    ['5 to 10 per second over 6 s', [{ durationMs: 6000, rate: 5, toRate: 10 }], 45],
    ['0 to 4 over 10 s', [{ durationMs: 10_000, rate: 0, toRate: 4 }], 20],
    ['0 to 0', [{ durationMs: 1000, rate: 0, toRate: 0 }], 0],
    ['one second', [{ durationMs: 1000, rate: 0, toRate: 3 }], 2],
    ['down to nothing', [{ durationMs: 4000, rate: 10, toRate: 0 }], 20],
    [
      'two stages',
      [
        { durationMs: 1000, rate: 10 },
        { durationMs: 1000, rate: 20 },
      ],
      30,
    ],
  ])('a ramp has as many arrivals as its area: %s', (_name, stages, count) => {
    expect(times(stages)).toHaveLength(count);
  });

  test('a slow ramp begins early: its first arrival is not one rate sample late', () => {
    expect(times([{ durationMs: 10_000, rate: 0, toRate: 4 }])[0]).toBeLessThan(800);
  });

  property.prop([
    fc.double({ min: 0, max: 50, noNaN: true }),
    fc.double({ min: 0, max: 50, noNaN: true }),
    fc.integer({ min: 1, max: 20_000 }),
  ])('arrivals rise, stay inside their stage, and count the area to one', (rate, toRate, durationMs) => {
    const found = times([{ durationMs, rate, toRate }]);
    expect(found).toEqual([...found].sort((a, b) => a - b));
    for (const at of found) expect(at).toBeLessThanOrEqual(durationMs + 1e-6);
    expect(Math.abs(found.length - stageArea({ durationMs, rate, toRate }))).toBeLessThanOrEqual(1);
  });

  test.each([
    ['constant', { kind: 'constant' } as const, 0],
    ['poisson', { kind: 'poisson' } as const, 1],
    ['gamma, bursty', { kind: 'gamma', shape: 0.25 } as const, 2],
    ['gamma, even', { kind: 'gamma', shape: 4 } as const, 0.5],
  ])('gaps of %s arrivals vary as they should', (_name, arrivals, deviation) => {
    const found = [...arrivalTimes([{ durationMs: 400_000, rate: 50 }], arrivals, createRandom(7))];
    const gaps = found.slice(1).map((at, index) => at - (found[index] ?? 0));
    const mean = meanOfValues(gaps);
    const spread = Math.sqrt(meanOfValues(gaps.map((gap) => (gap - mean) ** 2))) / mean;
    expect(mean).toBeCloseTo(20, 0);
    expect(spread).toBeCloseTo(deviation, 1);
  });

  test('Poisson arrivals of different seeds are independent: their sum has an index of dispersion of 1', () => {
    const counts = Array.from({ length: 2000 }, () => 0);
    for (let seed = 0; seed < 8; seed += 1) {
      for (const at of arrivalTimes([{ durationMs: 200_000, rate: 10 }], { kind: 'poisson' }, createRandom(seed))) {
        const window = Math.floor(at / 100);
        counts[window] = (counts[window] ?? 0) + 1;
      }
    }
    const mean = meanOfValues(counts);
    const variance = meanOfValues(counts.map((count) => (count - mean) ** 2));
    expect(variance / mean).toBeGreaterThan(0.9);
    expect(variance / mean).toBeLessThan(1.1);
  });
});

describe('the mix', () => {
  test('every hundred calls have the exact proportions, in an order that differs', () => {
    const source = new CallSource(builtInScenario('baseline'), 42);
    const deck = (): string[] =>
      Array.from({ length: 100 }, () => source.next()).map(({ tool, provider }) => `${tool} ${provider}`);
    const count = (calls: string[], kind: string): number => calls.filter((call) => call === kind).length;
    const [first, second] = [deck(), deck()];
    for (const calls of [first, second]) {
      expect(count(calls, 'chat glm')).toBe(16);
      expect(count(calls, 'chat kimi')).toBe(24);
      expect(count(calls, 'debug kimi')).toBe(12);
      expect(count(calls, 'thinkdeep glm')).toBe(6);
      expect(count(calls, 'analyze kimi')).toBe(9);
      expect(count(calls, 'codereview kimi')).toBe(6);
    }
    expect(first).not.toEqual(second);
  });

  test('the same seed deals the same calls; another seed others', () => {
    const deal = (seed: number): unknown[] => {
      const source = new CallSource(builtInScenario('timeout'), seed);
      return Array.from({ length: 300 }, () => source.next());
    };
    expect(deal(7)).toEqual(deal(7));
    expect(deal(7)).not.toEqual(deal(8));
  });

  test('a quarter of the calls of the timeout scenario get half the time they ask for', () => {
    const source = new CallSource(builtInScenario('timeout'), 1);
    const calls = Array.from({ length: 200 }, () => source.next());
    const forced = calls.filter(({ forcedTimeout }) => forcedTimeout);
    expect(forced).toHaveLength(50);
    for (const { deadlineMs, serviceMs = 0 } of forced) expect(deadlineMs).toBe(serviceMs / 2);
  });

  test('time scale multiplies service and time-outs, and never the length of the run', () => {
    const scaled = scaleScenario(builtInScenario('baseline'), 0.01);
    expect(scaled.durationMs).toBe(180_000);
    expect(scaled.mix[0]?.service).toEqual({ dist: 'uniform', minMs: 100, maxMs: 300 });
    expect(scaled.mix[0]?.deadlineMs).toBe(6000);
  });
});

describe('load on a virtual clock', () => {
  test.each([1, 5, 10, 15])(
    'closed, %i sessions on five permits: min(N, 5) / S per second, within 2 %%',
    async (sessions) => {
      const result = await simulate(
        { name: 'closed', durationMs: 60_000, load: { kind: 'closed', sessions }, mix: constant(100) },
        { global: 5, session: 5, providers: { glm: 5 } },
      );
      const expected = Math.min(sessions, 5) * 10;
      expect(result.load.okPerSecond / expected).toBeGreaterThan(0.98);
      expect(result.load.okPerSecond / expected).toBeLessThan(1.02);
      for (const check of result.selfChecks) expect([check.id, check.status]).toEqual([check.id, 'ok']);
    },
  );

  test('a call that was due before the end is made, though its turn comes after it', async () => {
    const clock = new VirtualClock();
    const at = clock.at.bind(clock);
    // The second call's turn is delayed beyond the end, as by a client that was busy.
    clock.at = (time, work) => at(Math.abs(time - clock.now() - 20) < 1 ? time + 100 : time, work);
    const scenario: Scenario = {
      name: 'late',
      durationMs: 61,
      load: { kind: 'trace', sessions: 1, calls: [0, 20, 40].map((atMs) => ({ atMs, entry: 0, serviceMs: 1 })) },
      mix: constant(1),
    };
    const result = await clock.run(runScenario(scenario, { driver: virtual({ clock, limits: DEFAULTS }), clock }));
    expect(result.totals.calls).toBe(3);
  });

  test('a freed slot is used at once: one long and nine short calls over two slots take as long as the long one', async () => {
    const result = await simulate(
      {
        name: 'slots',
        durationMs: 60_000,
        maxCalls: 10,
        load: {
          kind: 'trace',
          sessions: 2,
          calls: [10_000, ...Array.from({ length: 9 }, () => 1000)].map((serviceMs) => ({
            atMs: 0,
            entry: 0,
            serviceMs,
          })),
        },
        mix: constant(1),
      },
      { global: 2, session: 2, providers: { glm: 2 } },
    );
    expect(result.load.measuredMs + result.load.drainedMs).toBeLessThan(10_500);
  });

  test('response time counts from when a call was due: 10/s on one 500-ms permit', async () => {
    const result = await simulate(
      {
        name: 'due',
        durationMs: 4000,
        drainMs: 60_000,
        load: { kind: 'open', sessions: 1, rate: 10, arrivals: { kind: 'constant' }, maxInflight: 1, onFull: 'queue' },
        mix: constant(500),
      },
      { global: 1, session: 1, providers: { glm: 1 } },
    );
    const p = (kind: 'service' | 'response', share: number): number =>
      result.totals.latency[kind]?.percentiles.find((one) => one.p === share)?.value ?? 0;
    expect(p('service', 0.99)).toBe(500);
    expect(p('response', 0.99)).toBeGreaterThan(3000);
    expect(result.totals.outcomes.dropped + result.totals.outcomes.ok).toBe(result.totals.calls);
    expect(result.totals.calls).toBe(40);
  });

  test('what a full client cannot send is dropped and counted', async () => {
    const result = await simulate(
      {
        name: 'drop',
        durationMs: 2000,
        load: { kind: 'open', sessions: 1, rate: 100, arrivals: { kind: 'constant' }, maxInflight: 2, onFull: 'drop' },
        mix: constant(100),
      },
      { global: 5, session: 5, providers: { glm: 5 } },
    );
    expect(result.totals.calls).toBe(200);
    expect(result.totals.outcomes.dropped).toBe(160);
    expect(result.load.planned).toBe(result.load.sent + result.totals.outcomes.dropped);
  });

  test('the rate wins over the number of sessions', async () => {
    const result = await simulate({
      name: 'rate',
      durationMs: 10_000,
      load: { kind: 'open', sessions: 10, rate: 5, arrivals: { kind: 'constant' } },
      mix: constant(10),
    });
    expect(result.load.sent).toBe(50);
  });

  test('a warm-up is left out by when calls were due, without a pause before the measured time', async () => {
    const result = await simulate(
      { name: 'warm', durationMs: 2000, warmupMs: 2000, load: { kind: 'closed', sessions: 2 }, mix: constant(300) },
      DEFAULTS,
    );
    expect(result.load.planned).toBe(28);
    expect(result.totals.calls).toBe(14);
    const first = result.timeline.windows.filter(({ atMs }) => atMs > 1500 && atMs < 2500);
    for (const { inFlight } of first) expect(inFlight).toBe(2);
  });

  test.each([
    ['paced', 10 / 1.2],
    ['burst', 0],
  ] as const)(
    'a hundred slots that come free at once (%s) are filled at gaps of %f ms',
    async (catchUp, shortestGapMs) => {
      const sent: number[] = [];
      const clock = new VirtualClock({ synchronous: true });
      // The first hundred calls take until 2500 ms, and then all of them end in the same turn.
      const driver = virtual({
        clock,
        limits: { global: 1000, session: 1000, providers: { glm: 1000 } },
        serviceMs: 1,
      });
      const connect = driver.connect.bind(driver);
      driver.connect = async (session, onClose) => {
        const inner = await connect(session, onClose);
        const send = inner.send.bind(inner);
        inner.send = (call, sink) => send({ ...call, serviceMs: clock.now() < 1500 ? 2500 - clock.now() : 1 }, sink);
        return inner;
      };
      await clock.run(
        runScenario(
          {
            name: 'lump',
            durationMs: 12_000,
            load: { kind: 'open', sessions: 10, rate: 100, arrivals: { kind: 'constant' }, maxInflight: 100, catchUp },
            mix: [{ tool: 'chat', weight: 100, deadlineMs: 1e6 }],
          },
          { clock, driver, onCall: ({ due, lagMs }) => sent.push(due + lagMs) },
        ),
      );
      expect(sent).toHaveLength(1200);
      sent.sort((a, b) => a - b);
      const gaps = sent.slice(1).map((at, index) => at - (sent[index] ?? 0));
      // Planned every 10 ms; saturated from 1 s to 2.5 s, and caught up with long before the end.
      expect(Math.max(...gaps)).toBeGreaterThan(1400);
      expect(Math.min(...gaps)).toBeCloseTo(shortestGapMs, 3);
      expect(sent.at(-1)).toBeCloseTo(11_991.25, 3);
    },
  );

  test('after a warm-up the first second is like all others: no herd is made by waiting for the warm-up to end', async () => {
    const ends: { at: number; queuedMs: number }[] = [];
    const clock = new VirtualClock({ synchronous: true });
    await clock.run(
      runScenario(
        {
          name: 'herd',
          durationMs: 20_000,
          warmupMs: 5000,
          load: { kind: 'closed', sessions: 10 },
          mix: [
            { tool: 'chat', weight: 100, service: { dist: 'uniform', minMs: 100, maxMs: 300 }, deadlineMs: 60_000 },
          ],
        },
        {
          clock,
          driver: virtual({ clock, limits: { global: 5, session: 5, providers: { glm: 5 } } }),
          onCall: ({ due, queuedMs, warmup }) => {
            if (!warmup) ends.push({ at: due - 5000, queuedMs });
          },
        },
      ),
    );
    const p99 = (from: number, to: number): number =>
      percentileOf(
        Float64Array.from(ends.flatMap(({ at, queuedMs }) => (at >= from && at < to ? [queuedMs] : []))).sort(),
        0.99,
      ) ?? Number.NaN;
    expect(p99(0, 1000)).toBeLessThanOrEqual(1.2 * p99(1000, 20_000));
    expect(p99(0, 1000)).toBeGreaterThan(0);
  });

  test('a record that is told can be kept and copied', async () => {
    const copies: object[] = [];
    const clock = new VirtualClock({ synchronous: true });
    await clock.run(
      runScenario(
        { name: 'copy', durationMs: 1000, load: { kind: 'closed', sessions: 1 }, mix: constant(100) },
        {
          clock,
          driver: virtual({ clock, limits: { global: 5, session: 5, providers: { glm: 5 } } }),
          onCall: (record) => copies.push({ ...record }),
        },
      ),
    );
    expect(copies).toHaveLength(10);
    expect(copies[3]).toMatchObject({ due: 300, lagMs: 0, serviceMs: 100, session: 0, forced: false, warmup: false });
  });

  test('arriving sessions make their calls one after the other and leave', async () => {
    const result = await simulate({
      name: 'sessions',
      durationMs: 60_000,
      load: { kind: 'sessions', rate: 1, calls: 3, arrivals: { kind: 'constant' } },
      mix: constant(100),
    });
    expect(result.totals.outcomes.ok).toBe(180);
    expect(result.load.peakInFlight).toBe(1);
  });

  test('the ten minutes of extreme take well under a second, and the same seed gives the same result', async () => {
    const started = performance.now();
    const one = await simulate(builtInScenario('extreme'));
    expect(performance.now() - started).toBeLessThan(2000);
    expect(await simulate(builtInScenario('extreme'))).toEqual(one);
    expect(one.totals.outcomes.ok).toBe(one.totals.calls);
    expect(one.fairness).toBeGreaterThan(0.9);
  });

  test('abandoned calls are cancelled, and no failure of the server', async () => {
    const result = await simulate({
      name: 'abandon',
      durationMs: 20_000,
      load: { kind: 'closed', sessions: 2 },
      mix: constant(200),
      client: { abandon: { share: 0.5, afterMs: 50 } },
    });
    expect(result.totals.outcomes.cancelled).toBeGreaterThan(50);
    expect(result.totals.unexpected).toBe(0);
  });

  test('stages of a burst keep their shares when the run is made shorter', () => {
    const short = withDuration(builtInScenario('burst'), 18_000);
    expect(short.load).toMatchObject({ stages: [{ durationMs: 6000 }, { durationMs: 3000 }, { durationMs: 9000 }] });
  });
});
