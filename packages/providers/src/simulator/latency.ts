import type { SimulatedCall } from './persona-reply.ts';
import { logNormal } from './seeded-random.ts';

/** How long a model takes: medians in milliseconds and tokens, with the sigma of their log-normal spread. */
export interface Latency {
  readonly firstTokenMs: number;
  readonly firstTokenSigma: number;
  readonly reasoningTokens: number;
  readonly textTokens: number;
  readonly tokensSigma: number;
  readonly tokenMs: number;
  /** Chance of one long pause in a call. */
  readonly pauseChance: number;
  readonly pauseMs: number;
  readonly pauseSigma: number;
}

/**
 * `realistic` follows the model and the mode of the call, `instant` takes no time; a function gives single values per call
 * over the realistic ones.
 */
export type LatencyProfile = 'realistic' | 'instant' | ((call: SimulatedCall) => Partial<Latency>);

/** The course of one call in milliseconds, before the time scale. */
export interface LatencyPlan {
  readonly firstTokenMs: number;
  readonly reasoningMs: number;
  readonly textMs: number;
  /** A silence inside the reasoning, or inside the text when there is no reasoning; 0 for none. */
  readonly pauseMs: number;
}

// Medians of the workload the time-outs are measured on: a light model, and thinking with and without web search.
const LIGHT: Latency = {
  firstTokenMs: 600,
  firstTokenSigma: 0.5,
  reasoningTokens: 0,
  textTokens: 350,
  tokensSigma: 0.8,
  tokenMs: 12,
  pauseChance: 0.02,
  pauseMs: 2000,
  pauseSigma: 0.6,
};
const GLM_THINKING: Latency = {
  ...LIGHT,
  firstTokenMs: 2000,
  firstTokenSigma: 0.6,
  reasoningTokens: 1200,
  textTokens: 300,
  tokenMs: 18,
  pauseChance: 0.1,
  pauseMs: 10_000,
  pauseSigma: 0.8,
};
const KIMI_THINKING: Latency = {
  ...GLM_THINKING,
  firstTokenMs: 2500,
  reasoningTokens: 1500,
  textTokens: 350,
  tokenMs: 22,
  pauseChance: 0.08,
  pauseMs: 7000,
  pauseSigma: 0.7,
};
const WEB_FIRST_TOKEN_MS = 9000;
const INSTANT: LatencyPlan = { firstTokenMs: 0, reasoningMs: 0, textMs: 0, pauseMs: 0 };

/** Draws the course of a call from a profile. */
export function planLatency(profile: LatencyProfile, call: SimulatedCall, searches: boolean): LatencyPlan {
  if (profile === 'instant') return INSTANT;
  const usual = realistic(call, searches);
  const latency = typeof profile === 'function' ? { ...usual, ...profile(call) } : usual;
  const { random } = call;
  const pauses = random() < latency.pauseChance;
  return {
    firstTokenMs: logNormal(random, latency.firstTokenMs, latency.firstTokenSigma),
    reasoningMs: logNormal(random, latency.reasoningTokens, latency.tokensSigma) * latency.tokenMs,
    textMs: logNormal(random, latency.textTokens, latency.tokensSigma) * latency.tokenMs,
    pauseMs: pauses ? logNormal(random, latency.pauseMs, latency.pauseSigma) : 0,
  };
}

function realistic(call: SimulatedCall, searches: boolean): Latency {
  const thinking = call.provider === 'glm' ? GLM_THINKING : KIMI_THINKING;
  const base = call.thinking ? thinking : { ...LIGHT, tokenMs: call.provider === 'glm' ? LIGHT.tokenMs : 18 };
  return searches ? { ...base, firstTokenMs: WEB_FIRST_TOKEN_MS, firstTokenSigma: 0.7 } : base;
}

const SHARE_FIRST = 0.2;

/** The same course stretched or shrunk so that the whole takes exactly `serviceMs`. */
export function fitPlan(serviceMs: number, thinking: boolean): LatencyPlan {
  const firstTokenMs = serviceMs * SHARE_FIRST;
  const rest = serviceMs - firstTokenMs;
  const reasoningMs = thinking ? rest / 2 : 0;
  return { firstTokenMs, reasoningMs, textMs: rest - reasoningMs, pauseMs: 0 };
}
