/** Tokens of a call. `inputTokens` includes the cached ones, `outputTokens` the reasoning. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly cachedTokens: number;
  readonly totalTokens: number;
}

/** USD per million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
  /** Input tokens that were already in the provider's cache. */
  readonly cached: number;
}

/** No tokens at all. */
export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  cachedTokens: 0,
  totalTokens: 0,
};

/** The sum of two usages. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    totalTokens: a.totalTokens + b.totalTokens,
  };
}

const MILLION = 1_000_000;

/** Cost in USD: cached input tokens are charged once, at their own price; reasoning is output. */
export function costOf(usage: Usage, price: Price): number {
  const cached = Math.min(usage.cachedTokens, usage.inputTokens);
  const input = (usage.inputTokens - cached) * price.input + cached * price.cached;
  return (input + usage.outputTokens * price.output) / MILLION;
}
