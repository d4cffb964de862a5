import {
  fairQueueBoundMs,
  testInterference,
  type InterferenceOptions,
  type InterferenceResult,
} from '../interference.ts';
import type { CliIo } from './io.ts';
import { createDriver, watchPermits, type TargetFlags } from './target.ts';

/** Two sessions share a processor even when they share no permit: less than this is reported and not alarmed. */
export const INTERFERENCE_TOLERANCE = 0.2;

const SESSIONS = 2;

/**
 * Tests two sessions of the target of the flags. When both call one provider they share its permits by design: a slowdown
 * then counts as interference only beyond the bound of a fair queue, from the permits that the target's metrics show.
 */
export async function runInterference(
  flags: TargetFlags,
  io: CliIo,
  options: Omit<InterferenceOptions, 'driver' | 'allowedMs'>,
): Promise<InterferenceResult> {
  const { victim, aggressor } = options;
  const isShared = victim.provider !== undefined && victim.provider === aggressor.provider;
  const permits = isShared ? await permitsOf(flags, victim.provider ?? '') : undefined;
  const longestHoldMs = Math.max(victim.serviceMs, aggressor.serviceMs);
  return testInterference({
    ...options,
    driver: createDriver(flags, io),
    ...(permits !== undefined && { allowedMs: fairQueueBoundMs(SESSIONS, permits, longestHoldMs) }),
  });
}

/** The smaller of the provider's and the global capacity; `undefined` without a metrics page. */
async function permitsOf(flags: TargetFlags, provider: string): Promise<number | undefined> {
  const watch = await watchPermits(flags, 1000);
  if (!watch) return undefined;
  await watch.scrape();
  const tiers = watch.audit().samples.at(-1)?.tiers ?? [];
  const own = tiers.filter(
    (tier) => tier.type === 'global' || (tier.type === 'provider' && tier.provider === provider),
  );
  return own.length === 0 ? undefined : Math.min(...own.map(({ capacity }) => capacity));
}
