import { unreachable } from './unreachable.ts';
import type { Random } from './random.ts';

/** How long something takes, in milliseconds. */
export type Distribution =
  | { dist: 'constant'; ms: number }
  | { dist: 'uniform'; minMs: number; maxMs: number }
  | { dist: 'exponential'; meanMs: number }
  | { dist: 'lognormal'; meanMs: number; sigma: number }
  | { dist: 'choice'; valuesMs: number[] };

/** Draws one value, in milliseconds. */
export function draw(from: Distribution, random: Random): number {
  switch (from.dist) {
    case 'constant':
      return from.ms;
    case 'uniform':
      return random.between(from.minMs, from.maxMs);
    case 'exponential':
      return random.exponential(from.meanMs);
    case 'lognormal':
      return from.meanMs * Math.exp(from.sigma * random.normal() - (from.sigma * from.sigma) / 2);
    case 'choice':
      return from.valuesMs[random.below(from.valuesMs.length)] ?? 0;
  }
  return unreachable(from);
}

/** The expected value, in milliseconds. */
export function meanOf(of: Distribution): number {
  switch (of.dist) {
    case 'constant':
      return of.ms;
    case 'uniform':
      return (of.minMs + of.maxMs) / 2;
    case 'exponential':
    case 'lognormal':
      return of.meanMs;
    case 'choice':
      return of.valuesMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, of.valuesMs.length);
  }
  return unreachable(of);
}

/** The same shape, `factor` times as long. */
export function scaled(of: Distribution, factor: number): Distribution {
  switch (of.dist) {
    case 'constant':
      return { ...of, ms: of.ms * factor };
    case 'uniform':
      return { ...of, minMs: of.minMs * factor, maxMs: of.maxMs * factor };
    case 'exponential':
    case 'lognormal':
      return { ...of, meanMs: of.meanMs * factor };
    case 'choice':
      return { ...of, valuesMs: of.valuesMs.map((ms) => ms * factor) };
  }
  return unreachable(of);
}
