import { systemClock, sleep, type Clock } from './clock.ts';
import type { Connection, Driver, PlannedCall } from './driver.ts';
import { detectableEffect, signFlipP } from './exact-tests.ts';
import { formatMs } from './duration.ts';
import { LoadTestError } from './load-test-error.ts';
import { createRandom } from './random.ts';
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
  /** `within_bound`: slower beyond chance, and by no more than `allowedMs`. */
  verdict: 'interference' | 'within_bound' | 'none_found' | 'undecided';
  victimCalls: number;
  aggressorCalls: number;
  failures: number;
}

const PROMPT = { prompt: 'ping' };
const DEADLINE_MS = 60_000;

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
    blockMs = 700,
    alpha = 0.01,
    seed = 42,
    signal,
    tolerance = 0,
    allowedMs = 0,
  } = options;
  const smallestP = 2 / 2 ** pairs;
  if (pairs > 20 || smallestP > alpha) {
    throw new LoadTestError(
      'INVALID_OPTION',
      `pairs must be at most 20 and enough for alpha ${alpha} (smallest p ${smallestP.toPrecision(2)}), got ${pairs}`,
    );
  }
  const coin = createRandom(seed, 'blocks');
  const victim = new Victim(await driver.connect(0, () => undefined), clock, options);
  const aggressor = new Aggressor(await driver.connect(1, () => undefined), clock, options);
  const found: InterferenceResult['pairs'] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    if (signal?.aborted) break;
    const first = coin.next() < 0.5 ? 'with' : 'without';
    const one = await block(first === 'with', { victim, aggressor, clock, blockMs, options });
    const two = await block(first !== 'with', { victim, aggressor, clock, blockMs, options });
    const [withMs, withoutMs] = first === 'with' ? [one, two] : [two, one];
    if (withMs !== undefined && withoutMs !== undefined) found.push({ withMs, withoutMs, first });
  }
  await Promise.all([victim.close(), aggressor.close()]);
  await driver.close?.();
  const differences = found.map(({ withMs, withoutMs }) => withMs - withoutMs);
  const effectMs = meanOfValues(differences);
  const p = signFlipP(differences);
  const effect = effectMs / Math.max(1e-9, meanOfValues(found.map(({ withoutMs }) => withoutMs)));
  const isDecided = found.length > 0 && 2 / 2 ** found.length <= alpha;
  const isSlower = p < alpha && effect > tolerance;
  return {
    pairs: found,
    effectMs,
    effect,
    p,
    alpha,
    tolerance,
    allowedMs,
    sharing: options.victim.provider === options.aggressor.provider ? 'provider' : 'global',
    detectableMs: detectableEffect(differences, alpha),
    verdict: !isDecided
      ? 'undecided'
      : !isSlower
        ? 'none_found'
        : effectMs > allowedMs
          ? 'interference'
          : 'within_bound',
    victimCalls: victim.calls,
    aggressorCalls: aggressor.calls,
    failures: victim.failures,
  };
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

interface Block {
  victim: Victim;
  aggressor: Aggressor;
  clock: Clock;
  blockMs: number;
  options: InterferenceOptions;
}

/** Returns the median response of the victim's calls that were due after the block had settled. */
async function block(
  isFlooded: boolean,
  { victim, aggressor, clock, blockMs, options }: Block,
): Promise<number | undefined> {
  const settleMs = options.settleMs ?? blockMs / 7;
  if (isFlooded) aggressor.start();
  else await aggressor.stop();
  const responses = await victim.callFor(blockMs, settleMs);
  if (isFlooded) await aggressor.stop();
  await sleep(clock, 0);
  return medianOf(responses);
}

class Victim {
  calls = 0;
  failures = 0;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #call: PlannedCall;
  readonly #gapMs: number;

  constructor(connection: Connection, clock: Clock, { victim }: InterferenceOptions) {
    this.#connection = connection;
    this.#clock = clock;
    this.#call = planned(victim);
    this.#gapMs = 1000 / victim.perSecond;
  }

  /** Calls on an absolute schedule for the length of a block and waits for the answers. */
  callFor(blockMs: number, settleMs: number): Promise<number[]> {
    const clock = this.#clock;
    const start = clock.now();
    const responses: number[] = [];
    let open = 0;
    let isOver = false;
    return new Promise((resolve) => {
      const maybeEnd = (): void => {
        if (isOver && open === 0) resolve(responses);
      };
      const turn = (index: number): void => {
        const due = start + index * this.#gapMs;
        if (due >= start + blockMs) {
          isOver = true;
          maybeEnd();
          return;
        }
        open += 1;
        this.calls += 1;
        this.#connection.send(this.#call, {
          event: () => undefined,
          piece: () => undefined,
          end: ({ outcome }) => {
            open -= 1;
            if (outcome !== 'ok') this.failures += 1;
            else if (due - start >= settleMs) responses.push(clock.now() - due);
            maybeEnd();
          },
        });
        clock.at(due + this.#gapMs, () => turn(index + 1));
      };
      turn(0);
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

class Aggressor {
  calls = 0;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #call: PlannedCall;
  readonly #inFlight: number;
  readonly #handles = new Set<number>();
  #runs = false;

  constructor(connection: Connection, clock: Clock, { aggressor }: InterferenceOptions) {
    this.#connection = connection;
    this.#clock = clock;
    this.#call = planned(aggressor);
    this.#inFlight = aggressor.inFlight;
  }

  start(): void {
    this.#runs = true;
    for (let slot = 0; slot < this.#inFlight; slot += 1) this.#next();
  }

  /** Stops calling and gives up what is still in flight, so that nothing reaches into the next block. */
  async stop(): Promise<void> {
    this.#runs = false;
    for (const handle of this.#handles) this.#connection.abandon(handle, 'cancelled');
    this.#handles.clear();
    await sleep(this.#clock, 0);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #next(): void {
    if (!this.#runs) return;
    this.calls += 1;
    const handle = this.#connection.send(this.#call, {
      event: () => undefined,
      piece: () => undefined,
      end: ({ outcome }) => {
        this.#handles.delete(handle);
        if (outcome === 'ok') this.#next();
        // A refused aggressor asks again, but not in a busy loop.
        else this.#clock.at(this.#clock.now() + 5, () => this.#next());
      },
    });
    this.#handles.add(handle);
  }
}

function planned({ tool, provider, serviceMs }: { tool: string; provider?: string; serviceMs: number }): PlannedCall {
  return {
    entry: 0,
    tool,
    ...(provider !== undefined && { provider }),
    serviceMs,
    deadlineMs: DEADLINE_MS,
    forcedTimeout: false,
    arguments: { ...PROMPT, ...(provider !== undefined && { provider }), simulate: { serviceMs } },
  };
}
