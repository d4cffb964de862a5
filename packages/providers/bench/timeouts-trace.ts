import { logNormal, seededRandom } from '../src/simulator/seeded-random.ts';
import type { Phase, TimeoutKey } from '../src/timeouts/index.ts';

/** One delta of a call: when it comes, in milliseconds after the request, and what is waited in from then on. */
export interface TracedDelta {
  readonly atMs: number;
  readonly phase: Phase;
}

/** One call of a trace. */
export interface TracedCall {
  readonly key: TimeoutKey;
  readonly promptTokens: number;
  readonly deltas: readonly TracedDelta[];
  readonly endMs: number;
  /** When it falls silent for ever; `undefined` for a healthy call. */
  readonly hangMs?: number;
  readonly keepAlive: boolean;
  readonly degraded: boolean;
  readonly after: boolean;
}

/** How much slower the third quarter of a trace is. */
export interface Degradation {
  readonly first: number;
  readonly pace: number;
  readonly gaps: number;
}

/** Trace (a), a slow hour, and trace (b), a very bad one. */
export const DEGRADATIONS: Readonly<Record<'a' | 'b', Degradation>> = {
  a: { first: 5, pace: 2.5, gaps: 2.5 },
  b: { first: 25, pace: 2.5, gaps: 8 },
};

export const CALLS_PER_SEED = 6000;
const HANG_SHARE = 0.015;
const HEALTHY: Degradation = { first: 1, pace: 1, gaps: 1 };

/** Medians in seconds and tokens, each with the sigma of its log-normal spread. */
interface Workload {
  readonly key: TimeoutKey;
  readonly share: number;
  readonly first: readonly [number, number];
  readonly reasoning?: readonly [number, number];
  readonly text: readonly [number, number];
  readonly secondsPerToken: number;
  readonly jitter: readonly [number, number];
  readonly pause: { readonly chance: number; readonly length: readonly [number, number] };
  readonly toolChance: number;
}

const WORKLOADS: readonly Workload[] = [
  {
    key: { provider: 'glm', model: 'glm-4.5-flash', tools: true },
    share: 0.4,
    first: [0.6, 0.5],
    text: [350, 0.8],
    secondsPerToken: 0.012,
    jitter: [0.25, 0.5],
    pause: { chance: 0.02, length: [2, 0.6] },
    toolChance: 0.3,
  },
  {
    key: { provider: 'kimi', model: 'kimi-k2.6', thinking: true, tools: true },
    share: 0.3,
    first: [2.5, 0.6],
    reasoning: [1500, 1],
    text: [350, 0.8],
    secondsPerToken: 0.022,
    jitter: [0.8, 0.5],
    pause: { chance: 0.08, length: [7, 0.7] },
    toolChance: 0.4,
  },
  {
    key: { provider: 'glm', model: 'glm-4.6', thinking: true, tools: true, bufferedArgs: true },
    share: 0.2,
    first: [2, 0.6],
    reasoning: [1200, 1],
    text: [300, 0.8],
    secondsPerToken: 0.018,
    jitter: [0.8, 0.5],
    pause: { chance: 0.1, length: [10, 0.8] },
    toolChance: 0.5,
  },
  {
    key: { provider: 'kimi', model: 'kimi-k2.6', thinking: true, webSearch: true },
    share: 0.1,
    first: [9, 0.7],
    reasoning: [1500, 1],
    text: [600, 0.8],
    secondsPerToken: 0.022,
    jitter: [0.8, 0.5],
    pause: { chance: 0.15, length: [12, 0.7] },
    toolChance: 0,
  },
];

const PROMPT_TOKENS = [6000, 1.1] as const;
const TOKENS_PER_DOUBLING = 50_000;
const MOST_REASONING_TOKENS = 32_000;
const PACE_SIGMA = 0.25;
const TEXT_JITTER = 0.6;
const ARGS_TOKENS = [250, 1.2] as const;
/** Gaps below this many seconds are not told apart: every budget has a floor of seconds. */
const LEAST_GAP = 1;

/** Makes the calls of one seed; the third quarter is degraded. */
export function makeTrace(seed: number, degradation: Degradation): TracedCall[] {
  const random = seededRandom(seed * 7919);
  return Array.from({ length: CALLS_PER_SEED }, (_, i) => {
    const quarter = Math.floor((i * 4) / CALLS_PER_SEED);
    const slow = quarter === 2 ? degradation : HEALTHY;
    return { ...makeCall(random, slow), degraded: quarter === 2, after: quarter === 3 };
  });
}

function makeCall(random: () => number, slow: Degradation): Omit<TracedCall, 'degraded' | 'after'> {
  const draw = ([median, sigma]: readonly [number, number]): number => logNormal(random, median, sigma);
  const load = pick(random());
  const promptTokens = draw(PROMPT_TOKENS);
  const first = draw(load.first) * (1 + promptTokens / TOKENS_PER_DOUBLING) * slow.first;
  const pace = draw([load.secondsPerToken, PACE_SIGMA]) * slow.pace;
  const reasoningTokens = load.reasoning === undefined ? 0 : Math.min(draw(load.reasoning), MOST_REASONING_TOKENS);
  const textTokens = draw(load.text);
  const jitter = draw(load.jitter) * slow.gaps;
  const textJitter = draw(load.jitter) * slow.gaps * TEXT_JITTER;
  const pause = random() < load.pause.chance ? draw(load.pause.length) * slow.gaps : 0;
  const argsTokens = random() < load.toolChance ? draw(ARGS_TOKENS) : 0;
  const argsJitter = draw(load.jitter) * slow.gaps * TEXT_JITTER;
  const script = new CallScript(first);
  if (reasoningTokens > 0) script.stretch('reasoning', reasoningTokens * pace, Math.max(jitter, pause));
  script.stretch('text', textTokens * pace, Math.max(textJitter, reasoningTokens > 0 ? 0 : pause));
  if (argsTokens > 0 && load.key.bufferedArgs === true) script.stretch('tool-args', 0, argsTokens * pace);
  else if (argsTokens > 0) script.stretch('tool-args', argsTokens * pace, argsJitter);
  const { deltas, endMs } = script.finish();
  const hangs = random() < HANG_SHARE;
  const hangMs = random() * endMs;
  const keepAlive = random() < 0.5;
  return { key: load.key, promptTokens, deltas, endMs, keepAlive, ...(hangs ? { hangMs } : {}) };
}

function pick(at: number): Workload {
  let sum = 0;
  for (const load of WORKLOADS) {
    sum += load.share;
    if (at < sum) return load;
  }
  return WORKLOADS[0]!;
}

/** Lays out the deltas of a call. */
class CallScript {
  readonly #deltas: TracedDelta[] = [];
  #at: number;

  constructor(firstSeconds: number) {
    this.#at = firstSeconds * 1000;
  }

  /** A phase that streams for `seconds` in all, around its longest silence, which comes in the middle. */
  stretch(phase: Phase, seconds: number, silence: number): void {
    // Every other gap is at most as long as the longest, and counts of deltas stay small.
    const pieces = 2 * Math.max(1, Math.ceil(seconds / Math.max(silence, LEAST_GAP) / 2));
    for (let i = 0; i < pieces; i += 1) {
      this.#deltas.push({ atMs: this.#at, phase });
      if (i === pieces / 2) {
        this.#at += silence * 1000;
        this.#deltas.push({ atMs: this.#at, phase });
      }
      this.#at += (seconds * 1000) / pieces;
    }
    this.#deltas.push({ atMs: this.#at, phase });
  }

  finish(): { deltas: TracedDelta[]; endMs: number } {
    return { deltas: this.#deltas, endMs: this.#at };
  }
}
