import { readFileSync } from 'node:fs';

import { seededRandom } from '../src/simulator/seeded-random.ts';
import {
  AdaptiveTimeouts,
  type Observation,
  type Phase,
  PHASES,
  type TimeoutKey,
  type TimeoutProfile,
} from '../src/timeouts/index.ts';

/** One attempt, as `onObserve` told of it. */
export interface RecordedAttempt {
  readonly key: TimeoutKey;
  readonly seen: readonly Observation[];
}

/** What a profile would have done with recorded attempts. */
export interface RecordedScore {
  readonly profile: TimeoutProfile;
  readonly attempts: number;
  /** Attempts that ended well and would have been ended, in per cent. */
  readonly falseKills: number;
  readonly byPhase: Readonly<Partial<Record<Phase, number>>>;
}

const TOKENS_PER_DOUBLING = 50_000;

/** Reads attempts, one JSON object a line: `{"key": {...}, "seen": [...]}`. */
export function readRecorded(path: string): RecordedAttempt[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => {
      const { key, seen } = JSON.parse(line) as Partial<RecordedAttempt>;
      if (key === undefined || !Array.isArray(seen)) throw new RangeError(`line ${index + 1} must have key and seen`);
      return { key, seen };
    });
}

/** Replays recorded attempts, in order, under each profile that learns. */
export function scoreRecorded(attempts: readonly RecordedAttempt[]): RecordedScore[] {
  return (['fast', 'balanced', 'cautious'] as const).map((profile) => {
    const timeouts = new AdaptiveTimeouts({ profile, random: seededRandom(1) });
    const byPhase: Partial<Record<Phase, number>> = {};
    let kills = 0;
    let healthy = 0;
    for (const { key, seen } of attempts) {
      const size = seen.find((one) => one.phase === 'first')?.size ?? 1;
      const budgets = timeouts.budgets(key, { promptTokens: (size - 1) * TOKENS_PER_DOUBLING });
      const killer = seen.find(({ phase, ms }) => phase !== 'total' && PHASES.includes(phase) && ms > budgets[phase]);
      const well = seen.every(({ censored }) => censored === undefined);
      if (well) healthy += 1;
      if (well && killer !== undefined) {
        kills += 1;
        byPhase[killer.phase] = (byPhase[killer.phase] ?? 0) + 1;
      }
      timeouts.observe(key, ...seen.map((one) => cutAt(one, budgets[one.phase])));
    }
    return { profile, attempts: attempts.length, falseKills: healthy === 0 ? 0 : (100 * kills) / healthy, byPhase };
  });
}

/** What the profile itself would have seen: nothing beyond its budget. */
function cutAt(one: Observation, budgetMs: number): Observation {
  return one.phase === 'total' || one.ms <= budgetMs ? one : { ...one, ms: budgetMs, censored: 'timeout' };
}
