import { type Clock, systemClock } from './clock.ts';
import type { Observation, TimeoutKey } from './phase.ts';
import { type TimeoutProfile, type Tuning, TUNINGS } from './profile.ts';
import { TIMEOUT_TABLE, type TimeoutTable } from './timeout-table.ts';

/** Options of `AdaptiveTimeouts`. */
export interface TimeoutOptions {
  /** Ceilings per kind of call, in milliseconds. @defaultValue {@link TIMEOUT_TABLE} */
  readonly table?: Partial<TimeoutTable>;
  /** @defaultValue 'balanced' */
  readonly profile?: TimeoutProfile;
  /** Multiplies the table and every floor, for a provider that runs in scaled time. @defaultValue 1 */
  readonly timeScale?: number;
  /** Longest attempt in milliseconds. By default `fixed` uses the table's entry, and the other profiles a bound learned from the pace when `maxTokens` is known. */
  readonly totalMs?: number;
  /** Prompt tokens that double the time to the first token. @defaultValue 50_000 */
  readonly tokensPerDoubling?: number;
  /** Overrides single values of the profile. */
  readonly tuning?: Partial<Tuning>;
  /** Keys remembered; the one unused longest is forgotten first. @defaultValue 256 */
  readonly maxKeys?: number;
  /** Told what was seen of each attempt, before it is learned: write it down to replay it in the bench. It must not throw. */
  readonly onObserve?: (key: TimeoutKey, seen: readonly Observation[]) => void;
  /** @defaultValue {@link systemClock} */
  readonly clock?: Clock;
  /** Numbers in [0, 1) that decide which calls explore. @defaultValue Math.random */
  readonly random?: () => number;
}

/** The options, checked and complete. */
export interface TimeoutSettings {
  /** Already scaled. */
  readonly table: TimeoutTable;
  readonly profile: TimeoutProfile;
  readonly timeScale: number;
  readonly totalMs: number | undefined;
  readonly tokensPerDoubling: number;
  readonly tuning: Tuning;
  readonly maxKeys: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Slots of a window are numbered in 16 bits. */
const LARGEST_WINDOW = 65_535;

/** Checks and completes the options. @throws RangeError naming the option, the rule and the value */
export function readSettings(options: TimeoutOptions): TimeoutSettings {
  const timeScale = positive('timeScale', options.timeScale ?? 1);
  const profile = knownProfile(options.profile ?? 'balanced');
  return {
    table: scaledTable({ ...TIMEOUT_TABLE, ...options.table }, timeScale),
    profile,
    timeScale,
    totalMs: options.totalMs === undefined ? undefined : positive('totalMs', options.totalMs),
    tokensPerDoubling: positive('tokensPerDoubling', options.tokensPerDoubling ?? 50_000),
    tuning: checkedTuning({ ...TUNINGS[profile === 'fixed' ? 'balanced' : profile], ...options.tuning }),
    maxKeys: positive('maxKeys', options.maxKeys ?? 256),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

function checkedTuning(tuning: Tuning): Tuning {
  const { explore, window, quantile, ...rest } = tuning;
  for (const [name, value] of Object.entries(rest)) positive(name, value);
  if (!(explore >= 0 && explore <= 1)) throw new RangeError(`explore must be between 0 and 1, got ${explore}`);
  if (!(quantile > 0 && quantile <= 1)) throw new RangeError(`quantile must be above 0 and at most 1, got ${quantile}`);
  if (!(Number.isInteger(window) && window >= 1 && window <= LARGEST_WINDOW)) {
    throw new RangeError(`window must be a whole number from 1 to ${LARGEST_WINDOW}, got ${window}`);
  }
  return tuning;
}

function knownProfile(profile: TimeoutProfile): TimeoutProfile {
  if (profile === 'fixed' || Object.hasOwn(TUNINGS, profile)) return profile;
  throw new RangeError(`profile must be fast, balanced, cautious or fixed, got ${JSON.stringify(profile)}`);
}

function scaledTable(table: TimeoutTable, scale: number): TimeoutTable {
  const of = (entry: keyof TimeoutTable): number => positive(`table.${entry}`, table[entry]) * scale;
  return { base: of('base'), web: of('web'), thinking: of('thinking'), webThinking: of('webThinking') };
}

function positive(name: string, value: number): number {
  if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`${name} must be a positive number, got ${value}`);
  return value;
}
