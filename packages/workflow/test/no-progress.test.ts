import { describe, expect, it } from 'vitest';

import { detectNoProgress, type Detection } from '../src/detect-no-progress.ts';
import type { CallPrint, MadeClaim, Round } from '../src/run-state.ts';
import { DEFAULT_TERMINATION, type TerminationPolicy } from '../src/termination-policy.ts';

/** One kind of sign at a time: the others need more rounds than there are. */
const QUIET = {
  ...DEFAULT_TERMINATION,
  errors: 99,
  repeats: 99,
  stagnation: 99,
  monologue: 99,
  stall: 99,
};

const call = (change: Partial<CallPrint> = {}): CallPrint => ({
  name: 'look',
  print: 'a',
  soft: 'a',
  pollUntil: undefined,
  result: 'r',
  softResult: 'r',
  isError: false,
  finishedAt: 100,
  ...change,
});

const round = (change: Partial<Round> = {}): Omit<Round, 'step'> => ({
  calls: [call()],
  novel: 0,
  weak: 0,
  places: new Set(),
  usedTools: true,
  reported: false,
  empty: false,
  claim: undefined,
  rejected: undefined,
  ...change,
});

/** Rounds of the steps 11, 12 … */
const window = (rounds: readonly Omit<Round, 'step'>[]): Round[] =>
  rounds.map((each, index) => ({ ...each, step: 11 + index }));
const times = (count: number, make: (index: number) => Omit<Round, 'step'>): Omit<Round, 'step'>[] =>
  Array.from({ length: count }, (_, index) => make(index));
const found = (
  rounds: readonly Omit<Round, 'step'>[],
  policy: Partial<TerminationPolicy> = {},
): Detection | undefined => detectNoProgress(window(rounds), { ...QUIET, ...policy });
const MADE: MadeClaim = {
  step: 1,
  claim: { findings: 'x', confidence: 'low', next_step_required: true, citations: [] },
  p: 0.5,
  n: 1,
  valid: 0,
};

describe('a sign of no progress comes with the round that completes it, not one before', () => {
  it('errors', () => {
    const failing = (index: number): Omit<Round, 'step'> =>
      round({ calls: [call({ print: `q${index}`, soft: `s${index}`, isError: true, result: 'gone' })] });
    expect(found(times(2, failing), { errors: 3 })).toBeUndefined();
    expect(found(times(4, failing), { errors: 3 })).toEqual({ detector: 'error', since: 12 });
    const mixed = [...times(2, failing), round({ calls: [call({ isError: true, result: 'gone' }), call()] })];
    expect(found(mixed, { errors: 3 })).toBeUndefined();
    const others = times(3, (index) => round({ calls: [call({ isError: true, result: `error ${index}` })] }));
    expect(found(others, { errors: 3 })).toBeUndefined();
    expect(
      found(
        times(3, () => round({ calls: [] })),
        { errors: 3 },
      ),
    ).toBeUndefined();
  });

  it.each([1, 2, 3])('a cycle of period %i', (period) => {
    const turning = (index: number): Omit<Round, 'step'> =>
      round({ calls: [call({ print: `q${index % period}`, soft: `${index % period}` })] });
    // Period 1: three equal rounds. Longer: three rounds that show what they showed a period ago.
    const enough = period === 1 ? 3 : period + 3;
    expect(found(times(enough - 1, turning), { repeats: 3 })).toBeUndefined();
    expect(found(times(enough, turning), { repeats: 3, cycles: period })).toEqual({
      detector: 'cycle',
      since: 11,
      period,
    });
    expect(found(times(enough, turning), { repeats: 3, cycles: period - 1 })).toBeUndefined();
  });

  it('no cycle while the last round has news, or its answers change, or nothing was called', () => {
    const same = times(3, () => round());
    expect(found([...same.slice(1), round({ novel: 1 })], { repeats: 3 })).toBeUndefined();
    const changing = times(3, (index) => round({ calls: [call({ result: `r${index}` })] }));
    expect(found(changing, { repeats: 3 })).toBeUndefined();
    expect(
      found(
        times(3, () => round({ calls: [] })),
        { repeats: 3 },
      ),
    ).toBeUndefined();
  });

  it('the same call several times in one round is one', () => {
    const rounds = [round(), round({ calls: [call(), call()] }), round()];
    expect(found(rounds, { repeats: 3 })).toMatchObject({ detector: 'cycle', period: 1 });
  });

  it('different questions with one answer', () => {
    const asking = (index: number): Omit<Round, 'step'> => round({ calls: [call({ print: `q${index}` })] });
    expect(found(times(3, asking), { stagnation: 4 })).toBeUndefined();
    expect(found(times(5, asking), { stagnation: 4 })).toEqual({ detector: 'stagnation', since: 12 });
    const last = times(3, asking);
    expect(found([...last, round({ novel: 1 })], { stagnation: 4 })).toBeUndefined();
    expect(found([...last, round({ calls: [] })], { stagnation: 4 })).toBeUndefined();
    expect(found([...last, round({ calls: [call({ result: 'other' })] })], { stagnation: 4 })).toBeUndefined();
    expect(
      found(
        times(4, () => round({ calls: [] })),
        { stagnation: 4 },
      ),
    ).toBeUndefined();
  });

  it('five rounds that differ in numbers only', () => {
    const counting = (index: number): Omit<Round, 'step'> =>
      round({ calls: [call({ print: `page ${index}`, soft: 'page #', result: `r${index}`, softResult: 'r#' })] });
    expect(found(times(4, counting))).toBeUndefined();
    expect(found(times(6, counting))).toEqual({ detector: 'near_dup', since: 12 });
    expect(found([...times(4, counting), round({ calls: [] })])).toBeUndefined();
    expect(found(times(5, () => round({ calls: [] })))).toBeUndefined();
    const places = times(5, (index) => ({ ...counting(index), places: new Set([`page-${index}`]) }));
    expect(found(places)).toBeUndefined();
  });

  it('talk', () => {
    const talk = round({ calls: [], usedTools: false });
    expect(found([talk, talk], { monologue: 3 })).toBeUndefined();
    expect(found([talk, talk, talk, talk], { monologue: 3 })).toEqual({ detector: 'monologue', since: 12 });
    expect(found([talk, talk, round()], { monologue: 3 })).toBeUndefined();
    const claiming = { ...talk, claim: MADE };
    expect(found([talk, talk, claiming], { monologue: 3 })).toBeUndefined();
    expect(found([claiming, claiming, talk], { monologue: 2 })).toBeUndefined();
  });

  it('a stall, in which what is hardly new counts half', () => {
    const dull = (index: number): Omit<Round, 'step'> =>
      round({ calls: [call({ print: `q${index}`, soft: `${index}` })] });
    expect(found(times(3, dull), { stall: 4 })).toBeUndefined();
    expect(found(times(5, dull), { stall: 4 })).toEqual({ detector: 'stall', since: 12 });
    const weak = (index: number): Omit<Round, 'step'> => ({ ...dull(index), weak: 1 });
    expect(found(times(7, weak), { stall: 4 })).toBeUndefined();
    expect(found(times(8, weak), { stall: 4 })).toEqual({ detector: 'stall', since: 11 });
    const news = { ...dull(0), novel: 1 };
    expect(found([...times(3, dull), news, ...times(3, dull)], { stall: 4 })).toBeUndefined();
  });

  it('none while a round only waits: a poll within its time, or a call that is exempt', () => {
    const poll = (finishedAt: number): Omit<Round, 'step'> => round({ calls: [call({ pollUntil: 100, finishedAt })] });
    expect(
      found(
        times(3, () => poll(100)),
        { repeats: 3 },
      ),
    ).toBeUndefined();
    expect(
      found(
        times(3, () => poll(101)),
        { repeats: 3 },
      ),
    ).toMatchObject({ detector: 'cycle' });
    const exempt = round({ calls: [call({ print: undefined })] });
    expect(found([exempt, exempt, exempt], { repeats: 3 })).toBeUndefined();
    const both = round({ calls: [call({ print: undefined }), call()] });
    expect(found([both, both, both], { repeats: 3 })).toMatchObject({ detector: 'cycle' });
    // A round without calls is not one that waits.
    expect(
      found(
        times(3, () => round({ calls: [], usedTools: false })),
        { monologue: 3 },
      ),
    ).toBeDefined();
  });
});
