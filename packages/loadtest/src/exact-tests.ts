import { deviationOf, meanOfValues } from './statistics.ts';

/**
 * Exact two-sided p-value of the Wilcoxon–Mann–Whitney rank test: the share of all ways to split the pooled values into two
 * groups of these sizes whose rank sum is at least as far from its mean. Ties share their mean rank.
 */
export function rankTestP(a: readonly number[], b: readonly number[]): number {
  const ranks = ranksOf([...a, ...b]);
  const observed = ranks.slice(0, a.length).reduce((sum, rank) => sum + rank, 0);
  const centre = (a.length * (a.length + b.length + 1)) / 2;
  const distance = Math.abs(observed - centre) - 1e-9;
  const ways = waysBySum(ranks, a.length);
  let extreme = 0;
  let all = 0;
  for (const [doubled, count] of ways.entries()) {
    all += count;
    if (Math.abs(doubled / 2 - centre) >= distance) extreme += count;
  }
  return all === 0 ? 1 : extreme / all;
}

/** The smallest p-value that a rank test of these sizes can reach: 2 / C(n, k). */
export function smallestRankP(sizeA: number, sizeB: number): number {
  let ways = 1;
  for (let index = 1; index <= sizeA; index += 1) ways = (ways * (sizeB + index)) / index;
  return Math.min(1, 2 / ways);
}

function ranksOf(values: readonly number[]): number[] {
  const order = [...values.keys()].sort((x, y) => (values[x] ?? 0) - (values[y] ?? 0));
  const ranks = Array.from({ length: values.length }, () => 0);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end += 1;
    for (const index of order.slice(start, end)) ranks[index] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}

/** How many ways there are to pick `take` of the ranks, by twice their sum: mean ranks are halves. */
function waysBySum(ranks: readonly number[], take: number): Float64Array {
  const doubled = ranks.map((rank) => Math.round(rank * 2));
  const most = doubled.reduce((sum, value) => sum + value, 0) + 1;
  const ways = Array.from({ length: take + 1 }, () => new Float64Array(most));
  const none = ways[0];
  if (none) none[0] = 1;
  for (const value of doubled) {
    for (let taken = take; taken >= 1; taken -= 1) {
      const [from, to] = [ways[taken - 1], ways[taken]];
      if (!from || !to) continue;
      for (let sum = most - 1; sum >= value; sum -= 1) to[sum] = (to[sum] ?? 0) + (from[sum - value] ?? 0);
    }
  }
  return ways[take] ?? new Float64Array(0);
}

/** Pairs beyond which flipping every sign is too much to enumerate: 2^20 ways. */
const MOST_PAIRS = 20;

/**
 * Exact two-sided p-value of a paired randomisation test: each pair ran in random order, so under "no effect" every sign
 * pattern of the differences was equally likely. At most 20 pairs.
 */
export function signFlipP(differences: readonly number[]): number {
  const values = differences.slice(0, MOST_PAIRS);
  const observed = Math.abs(values.reduce((sum, value) => sum + value, 0)) - 1e-9;
  let extreme = 0;
  const walk = (index: number, sum: number): void => {
    const value = values[index];
    if (value === undefined) {
      if (Math.abs(sum) >= observed) extreme += 1;
      return;
    }
    walk(index + 1, sum + value);
    walk(index + 1, sum - value);
  };
  walk(0, 0);
  return extreme / 2 ** values.length;
}

/** The effect that a paired test of this noise finds four times out of five, at `alpha`; in the unit of the differences. */
export function detectableEffect(differences: readonly number[], alpha: number): number {
  const n = differences.length;
  if (n < 2) return Number.POSITIVE_INFINITY;
  const POWER_Z = 0.8416;
  return ((normalQuantile(1 - alpha / 2) + POWER_Z) * deviationOf(differences)) / Math.sqrt(n);
}

/** Holm's correction: each p-value times the number of hypotheses still open at its rank, never falling. */
export function holm(ps: readonly number[]): number[] {
  const order = [...ps.keys()].sort((a, b) => (ps[a] ?? 1) - (ps[b] ?? 1));
  const corrected = ps.map(() => 1);
  let floor = 0;
  for (const [rank, index] of order.entries()) {
    floor = Math.max(floor, Math.min(1, (ps[index] ?? 1) * (ps.length - rank)));
    corrected[index] = floor;
  }
  return corrected;
}

/** Quantile of the standard normal, to 1e-8, by bisection of its series. */
export function normalQuantile(p: number): number {
  let low = -10;
  let high = 10;
  for (let round = 0; round < 80; round += 1) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(Z ≤ z), by the alternating series inside ±6 and the limit outside. */
function normalShare(z: number): number {
  if (z < -6) return 0;
  if (z > 6) return 1;
  let sum = z;
  let term = z;
  for (let n = 1; n < 200; n += 1) {
    term *= (z * z) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Relative difference of two means; 0 when the first is 0. */
export function relativeChange(before: readonly number[], after: readonly number[]): number {
  const base = meanOfValues(before);
  return base === 0 ? 0 : meanOfValues(after) / base - 1;
}

/** The relative change that a comparison of these two groups finds four times out of five, at 5 %. */
export function detectableShare(a: readonly number[], b: readonly number[]): number {
  const base = meanOfValues(a);
  if (a.length < 2 || b.length < 2 || base === 0) return Number.POSITIVE_INFINITY;
  const POWER_Z = 0.8416;
  const error = Math.sqrt(deviationOf(a) ** 2 / a.length + deviationOf(b) ** 2 / b.length);
  return ((normalQuantile(0.975) + POWER_Z) * error) / Math.abs(base);
}
