import { seededRandom } from '../src/simulator/seeded-random.ts';
import {
  AdaptiveTimeouts,
  type Observation,
  type Phase,
  type PhaseBudgets,
  PHASES,
  type TimeoutKey,
  type TimeoutOptions,
  type TimeoutProfile,
  Watchdog,
} from '../src/timeouts/index.ts';
import type { Policy } from './timeouts-replay.ts';

function each<T>(value: T): Record<Phase, T> {
  return Object.fromEntries(PHASES.map((phase) => [phase, value])) as Record<Phase, T>;
}

/** The same silence tolerated in every phase, for ever. */
export function fixedPhases(seconds: number): Policy {
  const budgets: PhaseBudgets = {
    ...each(seconds * 1000),
    total: Number.POSITIVE_INFINITY,
    source: each('fixed'),
    stalled: each(seconds * 500),
    size: 1,
    hopeless: false,
  };
  return { name: `fixed ${seconds} s`, start: (clock) => () => new Watchdog(budgets, { clock }) };
}

/** Changes that take one part of the algorithm away. */
export interface Ablation {
  readonly key?: (key: TimeoutKey) => TimeoutKey;
  readonly observe?: (seen: readonly Observation[]) => readonly Observation[];
  readonly budgets?: (budgets: PhaseBudgets) => PhaseBudgets;
}

/** A profile as it ships, or with a part taken away. */
export function adaptive(
  name: string,
  profile: TimeoutProfile,
  options: TimeoutOptions = {},
  ablation: Ablation = {},
): Policy {
  const { key: keyOf = (key) => key, observe = (seen) => seen, budgets: change = (budgets) => budgets } = ablation;
  return {
    name,
    start: (clock, seed) => {
      const timeouts = new AdaptiveTimeouts({ profile, clock, random: seededRandom(seed * 104_729), ...options });
      return ({ key, promptTokens }) => {
        const budgets = change(timeouts.budgets(keyOf(key), { promptTokens }));
        return new Watchdog(budgets, { clock, onEnd: (seen) => timeouts.observe(keyOf(key), ...observe(seen)) });
      };
    },
  };
}

/** The table as a timer of the whole request. */
export const table: Policy = adaptive('table (whole request)', 'fixed');

/** Learns from calls that ended well only, and has no back-off. */
export const successOnly: Policy = adaptive(
  'success only',
  'balanced',
  { tuning: { backoffUp: 1 } },
  { observe: (seen) => seen.filter(({ censored }) => censored === undefined) },
);

/** One part of the algorithm missing each. */
export const ablations: readonly Policy[] = [
  adaptive('no censoring', 'balanced', {}, { observe: (seen) => seen.map(forgetLength) }),
  adaptive('no back-off', 'balanced', { tuning: { backoffUp: 1 } }),
  adaptive(
    'no phases',
    'balanced',
    {},
    {
      observe: (seen) => joinPhases(seen),
      budgets: (budgets) => ({ ...budgets, ...each(budgets.first), total: budgets.total, source: budgets.source }),
    },
  ),
  adaptive(
    'one key',
    'balanced',
    {},
    { key: (key) => ({ provider: key.provider, model: 'any', thinking: true, webSearch: true }) },
  ),
  adaptive('no blend', 'balanced', { tuning: { blendAfter: 0.001 } }),
];

/** A sample cut short at once says nothing about length; the time-out itself still backs off. */
function forgetLength(one: Observation): Observation {
  return one.censored === undefined ? one : { ...one, ms: 0 };
}

/** One silence per call, the longest, whatever phase it fell into. */
function joinPhases(seen: readonly Observation[]): Observation[] {
  const silent = seen.filter(({ phase }) => phase !== 'total');
  const longest = silent.toSorted((a, b) => b.ms - a.ms)[0];
  return longest === undefined ? [] : [{ ...longest, phase: 'first', size: 1 }];
}
