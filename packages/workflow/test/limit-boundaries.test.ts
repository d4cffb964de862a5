import { describe, expect, it } from 'vitest';

import { finalFits, limitReached, type Estimate } from '../src/limits.ts';
import { emptyState, type RunState } from '../src/run-state.ts';
import { NO_USAGE } from '../src/run-usage.ts';
import { DEFAULT_TERMINATION } from '../src/termination-policy.ts';

const NEEDS: Estimate = { tokens: 30, finalTokens: 20, usd: 0.25 };
const POLICY = { ...DEFAULT_TERMINATION, safetyLimit: 5 };

const state = (change: Partial<RunState>): RunState => ({ ...emptyState(), startedAt: 1000, ...change });
const spent = (change: Partial<RunState['spent']>): RunState['spent'] => ({ ...NO_USAGE, ...change });
const reached = (change: Partial<RunState>, at = 1000, estimate = NEEDS): string | undefined =>
  limitReached(state(change), POLICY, estimate, at)?.kind;

describe('the last step that a limit allows', () => {
  it.each<[string, Partial<RunState>, number, string | undefined]>([
    ['the fifth of five', { steps: 4 }, 1000, undefined],
    ['not the sixth', { steps: 5 }, 1000, 'safety_limit'],
    ['the sixth when one was granted', { steps: 5, grantedSteps: 1 }, 1000, undefined],
    ['tokens used up to the last', { budget: { tokens: 150 }, spent: spent({ totalTokens: 100 }) }, 1000, undefined],
    ['not one token more', { budget: { tokens: 149 }, spent: spent({ totalTokens: 100 }) }, 1000, 'budget'],
    ['money used up to the last', { budget: { usd: 0.75 }, spent: spent({ costUsd: 0.5 }) }, 1000, undefined],
    ['not a cent more', { budget: { usd: 0.74 }, spent: spent({ costUsd: 0.5 }) }, 1000, 'budget'],
    ['no time kept back before the first call', { deadlineAt: 2000 }, 1999, undefined],
    ['none at the deadline', { deadlineAt: 2000 }, 2000, 'deadline'],
    ['half a mean call more kept back', { deadlineAt: 2000, callMs: 200, spent: spent({ calls: 2 }) }, 1849, undefined],
    ['and no less', { deadlineAt: 2000, callMs: 200, spent: spent({ calls: 2 }) }, 1850, 'deadline'],
    [
      'a fifth of the run kept back at most',
      { deadlineAt: 2000, callMs: 900, spent: spent({ calls: 1 }) },
      1799,
      undefined,
    ],
    ['and that much', { deadlineAt: 2000, callMs: 900, spent: spent({ calls: 1 }) }, 1800, 'deadline'],
  ])('%s', (_, change, at, kind) => {
    expect(reached(change, at)).toBe(kind);
  });

  it('names the unit of a budget, and the limit of steps', () => {
    const dear = state({ budget: { usd: 0.1 } });
    expect(limitReached(dear, POLICY, NEEDS, 1000)).toEqual({ kind: 'budget', unit: 'usd' });
    const long = state({ budget: { tokens: 1, usd: 0.1 } });
    expect(limitReached(long, POLICY, NEEDS, 1000)).toEqual({ kind: 'budget', unit: 'tokens' });
    expect(limitReached(state({ steps: 8, grantedSteps: 2 }), POLICY, NEEDS, 1000)).toEqual({
      kind: 'safety_limit',
      limit: 7,
    });
  });

  it('at a price that is not known: none, unless a warning is enough', () => {
    const unpriced = { tokens: 30, finalTokens: 20 };
    expect(reached({ budget: { usd: 100 } }, 1000, unpriced)).toBe('budget');
    expect(reached({ budget: { usd: 100, onUnknownPrice: 'warn' } }, 1000, unpriced)).toBeUndefined();
  });
});

describe('the final answer', () => {
  it.each<[string, Partial<RunState>, number, boolean]>([
    ['fits without limits', {}, 1e9, true],
    ['fits before the deadline', { deadlineAt: 2000 }, 1999, true],
    ['not at it', { deadlineAt: 2000 }, 2000, false],
    ['fits into the last tokens', { budget: { tokens: 120 }, spent: spent({ totalTokens: 100 }) }, 1000, true],
    ['not into one less', { budget: { tokens: 119 }, spent: spent({ totalTokens: 100 }) }, 1000, false],
    ['fits while a cent is left', { budget: { usd: 1 }, spent: spent({ costUsd: 0.99 }) }, 1000, true],
    ['not when none is', { budget: { usd: 1 }, spent: spent({ costUsd: 1 }) }, 1000, false],
  ])('%s', (_, change, at, fits) => {
    expect(finalFits(state(change), NEEDS, at)).toBe(fits);
  });
});
