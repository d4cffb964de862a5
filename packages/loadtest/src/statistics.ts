/** Calls that a percentile needs so that "none was over the limit" says anything, at 95 % confidence: 59 for p95, 299 for p99. */
export function sampleFloor(percentile: number, confidence = 0.95): number {
  return Math.ceil(Math.log(1 - confidence) / Math.log(percentile) - 1e-9);
}

/** Rank of a percentile among `count` sorted values, from 1. The guard keeps 99.9 % of a million at 999,000. */
export function nearestRank(percentile: number, count: number): number {
  return Math.min(count, Math.max(1, Math.ceil(percentile * count - 1e-6)));
}

/** Nearest-rank percentile of ascending values; `undefined` without values. */
export function percentileOf(sorted: ArrayLike<number>, percentile: number): number | undefined {
  return sorted.length === 0 ? undefined : sorted[nearestRank(percentile, sorted.length) - 1];
}

/** The median of values in any order; `undefined` without values. */
export function medianOf(values: readonly number[]): number | undefined {
  const sorted = Float64Array.from(values).sort();
  const { length } = sorted;
  if (length === 0) return undefined;
  const upper = sorted[length >> 1] ?? 0;
  return length % 2 === 1 ? upper : (upper + (sorted[(length >> 1) - 1] ?? upper)) / 2;
}

/** The mean; 0 without values. */
export function meanOfValues(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sample standard deviation; 0 below two values. */
export function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = meanOfValues(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** Jain's fairness index: 1 when all shares are equal, 1/n when one has everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((all, share) => all + share, 0);
  const squares = shares.reduce((all, share) => all + share * share, 0);
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}

/** P(at most `hits` of `trials`) when each hits with probability `chance`. */
export function binomialAtMost(hits: number, trials: number, chance: number): number {
  if (hits < 0) return 0;
  if (hits >= trials) return 1;
  let logTerm = trials * Math.log(1 - chance);
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= hits; k += 1) {
    logTerm += Math.log((trials - k + 1) / k) + Math.log(chance / (1 - chance));
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

/** One step of a survival curve. */
export interface SurvivalStep {
  time: number;
  /** Share still running after `time`. */
  survival: number;
}

/**
 * Kaplan–Meier estimate of how long calls take when some were cut off: `ended` ran to their end, `censored` were still
 * running at these ages. A call cut off at an age counts as running until then and says nothing about later.
 */
export function kaplanMeier(ended: ArrayLike<number>, censored: ArrayLike<number>): SurvivalStep[] {
  const ends = Float64Array.from(ended).sort();
  const cuts = Float64Array.from(censored).sort();
  const steps: SurvivalStep[] = [];
  let survival = 1;
  let atRisk = ends.length + cuts.length;
  let cut = 0;
  for (let index = 0; index < ends.length;) {
    const time = ends[index] ?? 0;
    while (cut < cuts.length && (cuts[cut] ?? 0) < time) {
      cut += 1;
      atRisk -= 1;
    }
    let same = 0;
    while (index < ends.length && ends[index] === time) {
      index += 1;
      same += 1;
    }
    survival *= 1 - same / atRisk;
    atRisk -= same;
    steps.push({ time, survival });
  }
  return steps;
}

/** The smallest time by which a share `percentile` has ended; `undefined` when too many were cut off to tell. */
export function survivalPercentile(steps: readonly SurvivalStep[], percentile: number): number | undefined {
  return steps.find(({ survival }) => survival <= 1 - percentile + 1e-9)?.time;
}

/** Least-squares slope of `values` over 0, 1, 2 … and its t statistic; 0 and 0 below three values. */
export function slopeOf(values: readonly number[]): { slope: number; t: number } {
  const n = values.length;
  if (n < 3) return { slope: 0, t: 0 };
  const meanX = (n - 1) / 2;
  const meanY = meanOfValues(values);
  let sxx = 0;
  let sxy = 0;
  for (const [x, y] of values.entries()) {
    sxx += (x - meanX) ** 2;
    sxy += (x - meanX) * (y - meanY);
  }
  const slope = sxy / sxx;
  const residual = values.reduce((sum, y, x) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(residual / (n - 2) / sxx);
  return { slope, t: error === 0 ? 0 : slope / error };
}
