import type { TargetInfo } from '../driver.ts';
import { estimateSpend } from '../estimate-spend.ts';
import { LoadTestError } from '../load-test-error.ts';
import type { Scenario } from '../scenario.ts';
import type { SpendLimit } from '../spend.ts';
import { isThisMachine } from './target.ts';

/** Where real models answer and nobody said what the run may cost. */
const DEFAULT_MAX_USD = 1;

/**
 * What a run may cost: what the flags say, else a dollar where real models answer, else `undefined`.
 *
 * @throws LoadTestError INVALID_OPTION when the run can be expected to cost more.
 */
export async function limitSpend(
  scenario: Scenario,
  flags: { maxUsd?: number; usdPerMtok: number },
  target: TargetInfo,
): Promise<SpendLimit | undefined> {
  const maxUsd = flags.maxUsd ?? (costsMoney(target) ? DEFAULT_MAX_USD : undefined);
  if (maxUsd === undefined) return undefined;
  const limit = { maxUsd, usdPerMtok: flags.usdPerMtok };
  if (target.simulatorTimeScale !== undefined) return limit;
  const { calls, usd } = await estimateSpend(scenario, limit);
  if (usd <= maxUsd) return limit;
  throw new LoadTestError(
    'INVALID_OPTION',
    `--max-usd must cover the run: about ${calls} calls can cost $${usd.toFixed(2)} at $${flags.usdPerMtok} per million tokens, got $${maxUsd}; make the run shorter (--requests), name your price (--usd-per-mtok), or allow more`,
  );
}

/** Our server says when it simulates; a model endpoint on another machine is taken for a paid one. */
function costsMoney({ kind, url = '', simulatorTimeScale }: TargetInfo): boolean {
  if (kind === 'ws') return simulatorTimeScale === undefined;
  return kind === 'openai-sse' && !isThisMachine(new URL(url).hostname);
}
