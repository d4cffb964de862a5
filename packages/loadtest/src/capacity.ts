import { meanOfValues } from './statistics.ts';

/** Throughput at one number of calls in flight. */
export interface CapacityPoint {
  concurrency: number;
  perSecond: number;
}

/** What a series of load levels says about the target. */
export interface CapacityEstimate {
  /** Permits as seen from outside: the highest throughput times the service time of an unhurried call. */
  permits: number;
  /** Calls in flight beyond which more only queue. */
  knee: number;
  bounds: { rSquared: number };
  /** Gunther's universal scalability law; on a hard limit it invents a decline that is not there. */
  usl: { sigma: number; kappa: number; rSquared: number };
  /** The model that fits better. */
  model: 'bounds' | 'usl';
}

/**
 * Counts permits from outside: `permits = X · S`, with the throughput at saturation X and the service time S of a call that
 * had the target for itself. A server of five permits shows five; one permit leaked shows four.
 */
export function estimatePermits(saturatedPerSecond: number, unhurriedMs: number): number {
  return (saturatedPerSecond * unhurriedMs) / 1000;
}

/** Fits the two-line bound `min(N·X₁, X_max)` and the universal scalability law to measured points. */
export function fitCapacity(points: readonly CapacityPoint[], unhurriedMs: number): CapacityEstimate {
  const most = Math.max(...points.map(({ perSecond }) => perSecond));
  const single = 1000 / unhurriedMs;
  const permits = estimatePermits(most, unhurriedMs);
  const { sigma, kappa } = fitUsl(points, single);
  const bounds = { rSquared: rSquared(points, (n) => Math.min(n * single, most)) };
  const usl = {
    sigma,
    kappa,
    rSquared: rSquared(points, (n) => (single * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1))),
  };
  return { permits, knee: permits, bounds, usl, model: bounds.rSquared >= usl.rSquared ? 'bounds' : 'usl' };
}

/** Least squares of `N·X₁/X − 1 = σ(N − 1) + κN(N − 1)`, neither below 0. */
function fitUsl(points: readonly CapacityPoint[], single: number): { sigma: number; kappa: number } {
  let [uu, uv, vv, uy, vy] = [0, 0, 0, 0, 0];
  for (const { concurrency: n, perSecond } of points) {
    const u = n - 1;
    const v = n * (n - 1);
    const y = (n * single) / perSecond - 1;
    uu += u * u;
    uv += u * v;
    vv += v * v;
    uy += u * y;
    vy += v * y;
  }
  const determinant = uu * vv - uv * uv;
  const sigma = determinant === 0 ? 0 : (uy * vv - vy * uv) / determinant;
  const kappa = determinant === 0 ? 0 : (vy * uu - uy * uv) / determinant;
  if (kappa < 0) return { sigma: Math.max(0, uu === 0 ? 0 : uy / uu), kappa: 0 };
  if (sigma < 0) return { sigma: 0, kappa: Math.max(0, vv === 0 ? 0 : vy / vv) };
  return { sigma, kappa };
}

function rSquared(points: readonly CapacityPoint[], model: (n: number) => number): number {
  const mean = meanOfValues(points.map(({ perSecond }) => perSecond));
  const total = points.reduce((sum, { perSecond }) => sum + (perSecond - mean) ** 2, 0);
  const left = points.reduce((sum, { concurrency, perSecond }) => sum + (perSecond - model(concurrency)) ** 2, 0);
  return total === 0 ? (left === 0 ? 1 : 0) : 1 - left / total;
}
