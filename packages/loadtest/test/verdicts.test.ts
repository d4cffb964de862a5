import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';

import {
  BUILT_IN_SCENARIOS,
  builtInScenario,
  EXIT,
  parseScenario,
  runScenario,
  virtual,
  VirtualClock,
} from '../src/index.ts';
import type { CallRecord, RunResult, Scenario } from '../src/index.ts';
import { parseThreshold } from '../src/threshold-expression.ts';
import { judgeThreshold } from '../src/threshold.ts';
import { worseExit } from '../src/verdict.ts';

const record = (over: Partial<CallRecord>): CallRecord => ({
  due: 0,
  lagMs: 0,
  serviceMs: 100,
  firstEventMs: 1,
  firstTokenMs: 10,
  maxGapMs: 5,
  queuedMs: 2,
  askedMs: 100,
  tokens: 3,
  entry: 0,
  session: 0,
  outcome: 'ok',
  code: '',
  provider: 'glm',
  forced: false,
  warmup: false,
  ...over,
});

async function someRun(over: Partial<Scenario> = {}): Promise<RunResult> {
  const clock = new VirtualClock({ synchronous: true });
  const scenario = { ...builtInScenario('baseline'), ...over };
  return clock.run(
    runScenario(scenario, {
      clock,
      driver: virtual({ clock, limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } } }),
    }),
  );
}

describe('thresholds are read as written', () => {
  test.each([
    ['success.rate >= 99%', { metric: 'success.rate', operator: '>=', value: 0.99 }],
    ['chat.response.p95 < 2s', { tool: 'chat', metric: 'response.p95', percentile: 0.95, operator: '<', value: 2000 }],
    ['service.p99.9 <= 250ms', { metric: 'service.p99.9', percentile: 0.9990000000000001, value: 250 }],
    ['failed == 0', { metric: 'failed', operator: '==', value: 0 }],
    ['thinkdeep.failed == 0', { tool: 'thinkdeep', metric: 'failed' }],
    ['goodput{response<30s} >= 0.9', { metric: 'goodput', goodput: { latency: 'response', limitMs: 30_000 } }],
    ['chat.goodput{service < 1.5s} >= 0.9', { tool: 'chat', goodput: { latency: 'service', limitMs: 1500 } }],
    ['first_token.p50 < 300ms @confidence 0.99', { metric: 'first_token.p50', confidence: 0.99 }],
    ['audit.leaks == 0', { metric: 'audit.leaks' }],
    ['interference.max_effect < 20% @alpha 0.01', { metric: 'interference.max_effect', value: 0.2 }],
  ])('%s', (text, expected) => {
    const { percentile, ...rest } = expected as { percentile?: number };
    const threshold = parseThreshold(text);
    expect(threshold).toMatchObject(rest);
    if (percentile !== undefined) expect(threshold.percentile).toBeCloseTo(percentile, 9);
  });

  test.each([
    '',
    'p95 < 2s',
    'response.p95',
    'response.p95 < fast',
    'response < 2s',
    'speed == 3',
    'chat.response.p95 ~ 2s',
  ])('%j is refused', (text) => {
    expect(() => parseThreshold(text)).toThrow(RangeError);
  });
});

describe('a percentile is pass, fail or undecided', () => {
  test.each([
    [58, 0, 'undecided'],
    [59, 0, 'pass'],
    [92, 1, 'undecided'],
    [93, 1, 'pass'],
    [20, 5, 'fail'],
    [200, 10, 'undecided'],
    [1000, 100, 'fail'],
    [1000, 30, 'pass'],
  ])('p95 of %i calls with %i over the limit: %s', async (n, over, status) => {
    const measured = await someRun({ maxCalls: 3 });
    const records = Array.from({ length: n }, (_, index) => record({ serviceMs: index < over ? 900 : 100 }));
    expect(judgeThreshold('service.p95 < 500ms', measured, records).status).toBe(status);
  });

  test('calls cut off before the limit count against a pass, and not towards a fail', async () => {
    const measured = await someRun({ maxCalls: 3 });
    const good = Array.from({ length: 59 }, () => record({}));
    const cut = record({ outcome: 'censored', serviceMs: 10 });
    expect(judgeThreshold('service.p95 < 500ms', measured, good).status).toBe('pass');
    expect(judgeThreshold('service.p95 < 500ms', measured, [...good, cut]).status).toBe('undecided');
  });

  test('half of the calls refused at once is no gain in latency: goodput counts them', async () => {
    const measured = await someRun({ maxCalls: 3 });
    const records = Array.from({ length: 100 }, (_, index) =>
      record(index % 2 === 0 ? {} : { outcome: 'rejected', serviceMs: 1 }),
    );
    expect(judgeThreshold('goodput{response<1s} >= 0.9', measured, records)).toMatchObject({
      status: 'fail',
      observed: 0.5,
    });
  });
});

describe('verdicts', () => {
  test('one failure in a thousand is within a budget of one percent', async () => {
    const run = await someRun({ maxCalls: 3 });
    const totals = { ...run.totals, calls: 1000, outcomes: { ...run.totals.outcomes, ok: 999, tool_error: 1 } };
    expect(judgeThreshold('success.rate >= 99%', { ...run, totals }, []).status).toBe('pass');
    expect(judgeThreshold('failed == 0', { ...run, totals }, []).status).toBe('fail');
  });

  test('undecided fails the run with 8, unless that is allowed', async () => {
    const clock = new VirtualClock({ synchronous: true });
    const options = {
      clock,
      driver: virtual({ clock, limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } } }),
    };
    const scenario = { ...builtInScenario('baseline'), maxCalls: 20, thresholds: ['response.p99 < 10m'] };
    expect((await clock.run(runScenario(scenario, options))).verdict).toMatchObject({ exit: 8, status: 'undecided' });
    const again = new VirtualClock({ synchronous: true });
    const allowed = {
      clock: again,
      allowUndecided: true,
      driver: virtual({ clock: again, limits: { global: 5, session: 2, providers: { glm: 2, kimi: 3 } } }),
    };
    expect((await again.run(runScenario(scenario, allowed))).verdict).toMatchObject({ exit: 0, status: 'passed' });
  });

  test('exit codes win in the order in which they matter', () => {
    const order = [130, 2, 3, 4, 6, 7, 1, 5, 8, 0];
    expect([
      EXIT.interrupted,
      EXIT.usage,
      EXIT.unreachable,
      EXIT.void,
      EXIT.permits,
      EXIT.interference,
      EXIT.threshold,
      EXIT.regression,
      EXIT.undecided,
      EXIT.ok,
    ]).toEqual(order);
    for (const [index, code] of order.entries())
      for (const less of order.slice(index)) expect(worseExit(less, code)).toBe(code);
  });

  property.prop([fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 20 })])(
    'every planned call has exactly one outcome, whatever the load',
    async (maxCalls, sessions) => {
      const run = await someRun({ maxCalls, load: { kind: 'closed', sessions }, forcedTimeouts: 0.3 });
      const sum = Object.values(run.totals.outcomes).reduce((a, b) => a + b, 0);
      expect(sum).toBe(run.load.planned);
      expect(run.selfChecks.filter(({ status }) => status === 'fail')).toEqual([]);
    },
  );
});

test.each(BUILT_IN_SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
  'the built-in scenario %s is valid',
  (_name, scenario) => {
    expect(parseScenario(scenario)).toBe(scenario);
  },
);

describe('a scenario file says what is wrong with it: field, rule, value', () => {
  const good = builtInScenario('baseline');
  test.each<[string, unknown, RegExp]>([
    ['an unknown field', { ...good, speed: 3 }, /speed: is no field here .* got 3/],
    [
      'an unknown load',
      { ...good, load: { kind: 'wild' } },
      /load.kind: must be one of closed, open, sessions, trace, got "wild"/,
    ],
    ['no session', { ...good, load: { kind: 'closed', sessions: 0 } }, /load.sessions: must be at least 1, got 0/],
    ['weights that do not sum', { ...good, mix: good.mix.slice(1) }, /mix: the weights must sum to 100, got 60/],
    [
      'shares that do not sum',
      { ...good, mix: [{ tool: 'chat', weight: 100, providers: { glm: 60 } }] },
      /mix\[0\].providers: the shares must sum to 100, got 60/,
    ],
    ['a negative weight', { ...good, mix: [{ tool: 'chat', weight: -1 }] }, /mix\[0\].weight: must be above 0, got -1/],
    [
      'a distribution upside down',
      { ...good, mix: [{ tool: 'chat', weight: 100, service: { dist: 'uniform', minMs: 9, maxMs: 3 } }] },
      /mix\[0\].service.maxMs: must be at least minMs \(9\), got 3/,
    ],
    [
      'a threshold on a tool that is not called',
      { ...good, thresholds: ['paint.response.p95 < 1s'] },
      /thresholds\[0\]: paint must be a tool of the mix/,
    ],
    ['a threshold nobody can read', { ...good, thresholds: ['fast please'] }, /thresholds\[0\]: a threshold must read/],
    [
      'both a rate and stages',
      { ...good, load: { kind: 'open', sessions: 1, rate: 1, stages: [{ durationMs: 1, rate: 1 }] } },
      /either rate or stages/,
    ],
    ['too many calls', { ...good, maxCalls: 2_000_000 }, /maxCalls: must be at most 1000000, got 2000000/],
    ['no object', 'baseline', /the document: must be an object, got "baseline"/],
  ])('%s', (_name, input, message) => {
    expect(() => parseScenario(input)).toThrow(message);
    expect(() => parseScenario(input)).toThrow(expect.objectContaining({ code: 'INVALID_SCENARIO' }));
  });
});
