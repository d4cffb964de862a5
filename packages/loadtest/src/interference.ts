import { systemClock, sleep, type Clock } from './clock.ts';
import { ClientWatch } from './client-watch.ts';
import type { Driver } from './driver.ts';
import { detectableEffect, signFlipP } from './exact-tests.ts';
import { formatMs } from './duration.ts';
import { interferenceChecks } from './interference-checks.ts';
import { Aggressor, Victim, type BlockTimes } from './interference-sessions.ts';
import { LoadTestError } from './load-test-error.ts';
import { createRandom } from './random.ts';
import type { SelfCheck } from './run-result.ts';
import { LONGEST_STALL_MS } from './self-checks.ts';
import { medianOf, meanOfValues } from './statistics.ts';

/** How the experiment is set up. Durations are milliseconds. */
export interface InterferenceOptions {
  driver: Driver;
  /** @defaultValue the machine's clock */
  clock?: Clock;
  /** Decides in which block of each pair the aggressor runs. @defaultValue 42 */
  seed?: number;
  /** Pairs of blocks, one with the aggressor and one without, in random order; 20 at most. @defaultValue 12 */
  pairs?: number;
  /** @defaultValue 700 */
  blockMs?: number;
  /** Start of each block that is not counted: the aggressor takes effect, or its rest ends. @defaultValue a seventh of the block */
  settleMs?: number;
  /** Calls of the victim. */
  victim: { tool: string; provider?: string; serviceMs: number; perSecond: number };
  /** Calls of the aggressor, `inFlight` of them at all times of its blocks. */
  aggressor: { tool: string; provider?: string; serviceMs: number; inFlight: number };
  /** @defaultValue 0.01 */
  alpha?: number;
  /**
   * Effect, as a share of the victim's response alone, that is put up with: two sessions of one machine always share its
   * processor. @defaultValue 0
   */
  tolerance?: number;
  /**
   * Wait that permits shared by both sessions cost by design, in milliseconds: see {@link fairQueueBoundMs}. A slowdown
   * within it is `within_bound`. @defaultValue 0: nothing is shared
   */
  allowedMs?: number;
  /** A stall of the load tester itself, in milliseconds, that voids the test. @defaultValue 180 */
  maxStallMs?: number;
  signal?: AbortSignal;
}

/** What the experiment found. */
export interface InterferenceResult {
  pairs: { withMs: number; withoutMs: number; first: 'with' | 'without' }[];
  /** Mean difference of the block medians of the victim's response, in milliseconds. */
  effectMs: number;
  /** The same, as a share of its response without the aggressor. */
  effect: number;
  /** Exact, two-sided, by flipping the signs of all pairs. */
  p: number;
  alpha: number;
  tolerance: number;
  allowedMs: number;
  /** Whether both sessions called one provider, and so shared its permits, or different ones. */
  sharing: 'provider' | 'global';
  /** The effect that this experiment would have found four times out of five, in milliseconds. */
  detectableMs: number;
  /** `within_bound`: slower beyond chance, and by no more than `allowedMs`. `void`: the client was at fault, see `selfChecks`. */
  verdict: 'interference' | 'within_bound' | 'none_found' | 'undecided' | 'void';
  /** What the client found out about itself. */
  selfChecks: SelfCheck[];
  victimCalls: number;
  aggressorCalls: number;
  failures: number;
}

const DEFAULT_BLOCK_MS = 700;

/**
 * Asks whether one session suffers from another: the victim calls evenly all the time, the aggressor floods in one block of
 * each pair, the coin decides which. "Interference" is said only when chance would do this less often than `alpha`.
 *
 * @throws LoadTestError INVALID_OPTION for more than 20 pairs or fewer than can reach `alpha`.
 */
export async function testInterference(options: InterferenceOptions): Promise<InterferenceResult> {
  const {
    driver,
    clock = systemClock,
    pairs = 12,
    alpha = 0.01,
    tolerance = 0,
    allowedMs = 0,
    maxStallMs = LONGEST_STALL_MS,
  } = options;
  const smallestP = 2 / 2 ** pairs;
  if (pairs > 20 || smallestP > alpha) {
    throw new LoadTestError(
      'INVALID_OPTION',
      `pairs must be at most 20 and enough for alpha ${alpha} (smallest p ${smallestP.toPrecision(2)}), got ${pairs}`,
    );
  }
  const victim = new Victim(await driver.connect(0, () => undefined), clock, options);
  const aggressor = new Aggressor(await driver.connect(1, () => undefined), clock, options);
  const watch = new ClientWatch(clock);
  const found = await runPairs(options, pairs, { victim, aggressor, clock });
  const client = watch.stop();
  await Promise.all([victim.close(), aggressor.close()]);
  await driver.close?.();
  const rule = { alpha, tolerance, allowedMs };
  const judged = judge(found, rule);
  // What the client's own lateness did to the send and to the read of each call is taken off.
  const isOwnFault = judged.verdict === 'interference' && judge(found.map(withoutLag), rule).verdict !== 'interference';
  const selfChecks = interferenceChecks({ found, client, judged, isOwnFault, maxStallMs });
  return {
    pairs: found.map(({ withMs, withoutMs, first }) => ({ withMs, withoutMs, first })),
    ...judged,
    ...rule,
    sharing: options.victim.provider === options.aggressor.provider ? 'provider' : 'global',
    verdict: selfChecks.some(({ status }) => status === 'fail') ? 'void' : judged.verdict,
    selfChecks,
    victimCalls: victim.calls,
    aggressorCalls: aggressor.calls,
    failures: victim.failures,
  };
}

/** A pair of blocks, and how late the client itself was in each. */
export interface MeasuredPair {
  withMs: number;
  withoutMs: number;
  first: 'with' | 'without';
  lagWithMs: number;
  lagWithoutMs: number;
  /** Every send lag of both blocks. */
  lags: number[];
}

async function runPairs(options: InterferenceOptions, pairs: number, sessions: Sessions): Promise<MeasuredPair[]> {
  const coin = createRandom(options.seed ?? 42, 'blocks');
  const found: MeasuredPair[] = [];
  for (let pair = 0; pair < pairs && !options.signal?.aborted; pair += 1) {
    const first = coin.next() < 0.5 ? 'with' : 'without';
    const one = await block(first === 'with', options, sessions);
    const two = await block(first !== 'with', options, sessions);
    const [flooded, quiet] = first === 'with' ? [one, two] : [two, one];
    const [withMs, withoutMs] = [medianOf(flooded.responses), medianOf(quiet.responses)];
    if (withMs === undefined || withoutMs === undefined) continue;
    found.push({
      withMs,
      withoutMs,
      first,
      lagWithMs: meanOfValues(flooded.lags),
      lagWithoutMs: meanOfValues(quiet.lags),
      lags: [...flooded.lags, ...quiet.lags],
    });
  }
  return found;
}

function withoutLag(pair: MeasuredPair): MeasuredPair {
  return { ...pair, withMs: pair.withMs - 2 * (pair.lagWithMs - pair.lagWithoutMs) };
}

/** What the pairs say about the target. */
export type Judged = Pick<InterferenceResult, 'effectMs' | 'effect' | 'p' | 'detectableMs' | 'verdict'>;

function judge(
  found: readonly MeasuredPair[],
  { alpha, tolerance, allowedMs }: { alpha: number; tolerance: number; allowedMs: number },
): Judged {
  const differences = found.map(({ withMs, withoutMs }) => withMs - withoutMs);
  const effectMs = meanOfValues(differences);
  const p = signFlipP(differences);
  const effect = effectMs / Math.max(1e-9, meanOfValues(found.map(({ withoutMs }) => withoutMs)));
  const base = { effectMs, effect, p, detectableMs: detectableEffect(differences, alpha) };
  if (found.length === 0 || 2 / 2 ** found.length > alpha) return { ...base, verdict: 'undecided' };
  if (p >= alpha || effect <= tolerance) return { ...base, verdict: 'none_found' };
  return { ...base, verdict: effectMs > allowedMs ? 'interference' : 'within_bound' };
}

/**
 * The longest wait that a fair queue promises a session with one waiting call, in milliseconds:
 * `⌈sessions / permits⌉ × hold + hold`, with the longest hold and the smaller of the provider's and the global permits.
 */
export function fairQueueBoundMs(sessions: number, permits: number, longestHoldMs: number): number {
  return (Math.ceil(sessions / permits) + 1) * longestHoldMs;
}

/** One sentence about what the two sessions shared, and what that may cost. */
export function describeSharing({ sharing, allowedMs }: Pick<InterferenceResult, 'sharing' | 'allowedMs'>): string {
  if (sharing === 'global') return 'Victim and aggressor call different providers and share only the global limit.';
  return allowedMs === 0
    ? 'Victim and aggressor call one provider and share its permits.'
    : `Victim and aggressor call one provider and share its permits, for which a fair queue lets one wait up to ${formatMs(allowedMs)}.`;
}

interface Sessions {
  victim: Victim;
  aggressor: Aggressor;
  clock: Clock;
}

/** Returns the times of the victim's calls that were due after the block had settled. */
async function block(
  isFlooded: boolean,
  { blockMs = DEFAULT_BLOCK_MS, settleMs = blockMs / 7 }: InterferenceOptions,
  { victim, aggressor, clock }: Sessions,
): Promise<BlockTimes> {
  if (isFlooded) aggressor.start();
  else await aggressor.stop();
  const times = await victim.callFor(blockMs, settleMs);
  if (isFlooded) await aggressor.stop();
  await sleep(clock, 0);
  return times;
}
