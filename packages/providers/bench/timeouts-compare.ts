import { GIVE_UP_MS, type Outcome } from './timeouts-replay.ts';

/** Standard errors from which a difference counts as measured and not as chance. */
const MEASURED = 3;

const PARTS: readonly (readonly [string, (outcome: Outcome, index: number) => boolean])[] = [
  ['false kills, normal', ({ call }) => !call.degraded && !call.after],
  ['false kills, degraded', ({ call }) => call.degraded],
  ['false kills, after', ({ call }) => call.after],
  ['false kills, first 200', (_, index) => index < 200],
];

/**
 * On what a policy is measurably worse than another, call by call on the same trace: false kills by the sign test on the calls
 * that only one of them ended (McNemar), detection by the mean of the paired differences.
 */
export function losses(
  without: readonly (readonly Outcome[])[],
  whole: readonly (readonly Outcome[])[],
  trace: string,
): string[] {
  const found: string[] = [];
  for (const [name, belongs] of PARTS) {
    const { only, other } = discordant(without, whole, belongs);
    const z = (only - other) / Math.sqrt(Math.max(1, only + other));
    if (z > MEASURED)
      found.push(`${name} (${trace}): ${only} more and ${other} fewer, ${z.toFixed(1)} standard errors`);
  }
  const detection = pairedDetection(without, whole);
  if (detection.z > MEASURED) {
    found.push(`detection (${trace}): ${detection.mean.toFixed(1)} s later, ${detection.z.toFixed(1)} standard errors`);
  }
  return found;
}

function discordant(
  without: readonly (readonly Outcome[])[],
  whole: readonly (readonly Outcome[])[],
  belongs: (outcome: Outcome, index: number) => boolean,
): { only: number; other: number } {
  let only = 0;
  let other = 0;
  for (const [seed, run] of without.entries()) {
    for (const [index, outcome] of run.entries()) {
      if (outcome.call.hangMs !== undefined || !belongs(outcome, index)) continue;
      const killed = outcome.killedMs !== undefined;
      const wholeKilled = whole[seed]?.[index]?.killedMs !== undefined;
      if (killed && !wholeKilled) only += 1;
      if (!killed && wholeKilled) other += 1;
    }
  }
  return { only, other };
}

function pairedDetection(
  without: readonly (readonly Outcome[])[],
  whole: readonly (readonly Outcome[])[],
): { mean: number; z: number } {
  const seconds = (outcome: Outcome | undefined): number =>
    Math.max(0, (outcome?.killedMs ?? GIVE_UP_MS) - (outcome?.call.hangMs ?? 0)) / 1000;
  const differences = without.flatMap((run, seed) =>
    run.flatMap((outcome, index) =>
      outcome.call.hangMs === undefined ? [] : [seconds(outcome) - seconds(whole[seed]?.[index])],
    ),
  );
  const mean = differences.reduce((sum, one) => sum + one, 0) / differences.length;
  const variance = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (differences.length - 1);
  return { mean, z: mean / Math.max(Math.sqrt(variance / differences.length), 1e-9) };
}
