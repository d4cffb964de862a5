import type { CallPrint, Round } from './run-state.ts';
import type { NoProgressDetector } from './stop-reason.ts';
import type { TerminationPolicy } from './termination-policy.ts';

/** A stretch without progress. */
export interface Detection {
  readonly detector: NoProgressDetector;
  /** First step of the stretch. */
  readonly since: number;
  /** Length of the cycle. */
  readonly period?: number;
}

/** Rounds that differ only in numbers before they count as the same. */
const NEAR_REPEATS = 5;
/** A step whose evidence hardly differs from what was there counts this much of a step without any. */
const WEAK_STEP = 0.5;

/**
 * Looks for the first sign of no progress among the rounds of a window, strictest first. Results count: the same
 * question with a new answer is no loop. Rounds that only wait (a declared poll) are left out.
 */
export function detectNoProgress(window: readonly Round[], policy: TerminationPolicy): Detection | undefined {
  const rounds = window.filter((round) => !isWaiting(round));
  return (
    errorStreak(rounds, policy.errors) ??
    cycle(rounds, policy) ??
    stagnation(rounds, policy.stagnation) ??
    nearDuplicate(rounds) ??
    monologue(rounds, policy.monologue) ??
    stall(rounds, policy.stall)
  );
}

/** Waiting is legitimate when every call of the round is a poll within its time, or exempt. */
function isWaiting(round: Round): boolean {
  return round.calls.length > 0 && round.calls.every(isExempt);
}

function isExempt(call: CallPrint): boolean {
  return call.print === undefined || (call.pollUntil !== undefined && call.finishedAt <= call.pollUntil);
}

/** What a round asked and got; the same call several times in one round counts once. */
function signature(round: Round): string {
  return setOf(round.calls.map((call) => `${call.print}=${call.result}`));
}

function setOf(parts: readonly string[]): string {
  return [...new Set(parts)].sort().join(' ');
}

function errorStreak(rounds: readonly Round[], length: number): Detection | undefined {
  const last = rounds.slice(-length);
  const [first] = last;
  if (first === undefined || last.length < length || !last.every(isFailure)) return undefined;
  const kinds = last.map((round) => setOf(round.calls.map((call) => call.result)));
  return allSame(kinds) ? { detector: 'error', since: first.step } : undefined;
}

function isFailure(round: Round): boolean {
  return round.calls.length > 0 && round.calls.every((call) => call.isError);
}

function cycle(rounds: readonly Round[], policy: TerminationPolicy): Detection | undefined {
  const signatures = rounds.map((round) => (round.calls.length === 0 ? undefined : signature(round)));
  if ((rounds.at(-1)?.novel ?? 0) > 0) return undefined;
  for (let period = 1; period <= policy.cycles; period += 1) {
    const repeated = repeatedTail(signatures, period);
    // For a longer cycle the first turn may have been news; after that three rounds in a row that show what they showed
    // a period ago are enough for a word.
    const enough = period === 1 ? policy.repeats - 1 : policy.repeats;
    if (repeated < enough) continue;
    const since = rounds.at(-repeated - period)?.step ?? rounds.at(-repeated)?.step ?? 0;
    return { detector: 'cycle', since, period };
  }
  return undefined;
}

/** How many rounds at the end equal the one a period earlier, answers included. */
function repeatedTail(signatures: readonly (string | undefined)[], period: number): number {
  let count = 0;
  for (let index = signatures.length - 1; index - period >= 0; index -= 1) {
    const own = signatures[index];
    if (own === undefined || own !== signatures[index - period]) break;
    count += 1;
  }
  return count;
}

function stagnation(rounds: readonly Round[], length: number): Detection | undefined {
  const last = rounds.slice(-length);
  const [first] = last;
  if (first === undefined || last.length < length) return undefined;
  if (!last.every((round) => round.calls.length > 0 && round.novel === 0)) return undefined;
  const answers = last.map((round) => setOf(round.calls.map((call) => `${call.name}=${call.result}`)));
  return allSame(answers) ? { detector: 'stagnation', since: first.step } : undefined;
}

function nearDuplicate(rounds: readonly Round[]): Detection | undefined {
  const last = rounds.slice(-NEAR_REPEATS);
  const [first] = last;
  if (first === undefined || last.length < NEAR_REPEATS || !last.every((round) => round.calls.length > 0))
    return undefined;
  // Numbered files are different places: reading them one after the other is work.
  const soft = last.map((round) =>
    setOf([...round.places, ...round.calls.map((call) => `${call.soft}=${call.softResult}`)]),
  );
  return allSame(soft) ? { detector: 'near_dup', since: first.step } : undefined;
}

function monologue(rounds: readonly Round[], length: number): Detection | undefined {
  const last = rounds.slice(-length);
  const [first] = last;
  if (first === undefined || last.length < length) return undefined;
  const silent = last.every((round) => !round.usedTools && round.claim === undefined);
  return silent ? { detector: 'monologue', since: first.step } : undefined;
}

function stall(rounds: readonly Round[], length: number): Detection | undefined {
  let quiet = 0;
  for (let index = rounds.length - 1; index >= 0; index -= 1) {
    const round = rounds[index];
    if (round === undefined || round.novel > 0) return undefined;
    quiet += round.weak > 0 ? WEAK_STEP : 1;
    if (quiet >= length) return { detector: 'stall', since: round.step };
  }
  return undefined;
}

function allSame(values: readonly string[]): boolean {
  return values.every((value) => value === values[0]);
}
