import { explain } from './explain.ts';
import { MAX_CALLS, type Scenario } from './scenario.ts';
import { DEFAULT_USD_PER_MTOK, TOKENS_PER_CALL, type SpendLimit } from './spend.ts';

/** What a scenario can be expected to cost, in dollars: the calls that `explain` expects, each of `tokensPerCall` tokens. */
export async function estimateSpend(scenario: Scenario, limit: SpendLimit): Promise<{ calls: number; usd: number }> {
  const { usdPerMtok = DEFAULT_USD_PER_MTOK, tokensPerCall = TOKENS_PER_CALL } = limit;
  const { expectedCalls, simulated } = await explain(scenario);
  const calls = Math.min(scenario.maxCalls ?? MAX_CALLS, Math.max(expectedCalls, simulated?.calls ?? 0));
  return { calls, usd: (calls * tokensPerCall * usdPerMtok) / 1e6 };
}
