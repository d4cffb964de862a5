import type { ModelUsage } from './model.ts';
import type { RunUsage } from './stop-reason.ts';

/** Nothing used. */
export const NO_USAGE: RunUsage = {
  inputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  cachedTokens: 0,
  totalTokens: 0,
  calls: 0,
  costUsd: 0,
  waitedMs: 0,
};

/** Usage after one more call. */
export function addUsage(spent: RunUsage, usage: ModelUsage, costUsd: number, waitedMs: number): RunUsage {
  return {
    inputTokens: spent.inputTokens + usage.inputTokens,
    outputTokens: spent.outputTokens + usage.outputTokens,
    reasoningTokens: spent.reasoningTokens + usage.reasoningTokens,
    cachedTokens: spent.cachedTokens + usage.cachedTokens,
    totalTokens: spent.totalTokens + usage.totalTokens,
    calls: spent.calls + 1,
    costUsd: spent.costUsd + costUsd,
    waitedMs: spent.waitedMs + waitedMs,
  };
}
