import { unreachable } from './unreachable.ts';
import type { Random } from './random.ts';
import type { Arrivals, Stage } from './scenario.ts';

/**
 * The times, in milliseconds from the start, at which an open load is due. The schedule is absolute: it inverts the area
 * under the rate curve, so a ramp has exactly as many arrivals as its area, and a late send never moves the next one.
 */
export function* arrivalTimes(stages: readonly Stage[], arrivals: Arrivals, random: Random): Generator<number> {
  let startMs = 0;
  let area = 0;
  let due = firstArea(arrivals, random);
  for (const stage of stages) {
    const end = area + stageArea(stage);
    while (due <= end + 1e-9) {
      yield startMs + timeOfArea(stage, due - area);
      due += gap(arrivals, random);
    }
    area = end;
    startMs += stage.durationMs;
  }
}

/** Calls due in a stage, as a real number. */
export function stageArea({ durationMs, rate, toRate = rate }: Stage): number {
  return (durationMs / 1000) * ((rate + toRate) / 2);
}

/** Even arrivals sit early in their unit of area: a ramp of area 45 has 45 of them, and a slow one does not begin late. */
const FIRST_AREA = 0.125;

function firstArea(arrivals: Arrivals, random: Random): number {
  return arrivals.kind === 'constant' ? FIRST_AREA : gap(arrivals, random);
}

function gap(arrivals: Arrivals, random: Random): number {
  switch (arrivals.kind) {
    case 'constant':
      return 1;
    case 'poisson':
      return random.exponential(1);
    case 'gamma':
      return random.gamma(arrivals.shape);
  }
  return unreachable(arrivals);
}

/** Solves `rate·t + slope·t²/2 = area` for t, in milliseconds, without dividing by a slope of 0. */
function timeOfArea({ durationMs, rate, toRate = rate }: Stage, area: number): number {
  const slope = (toRate - rate) / (durationMs / 1000);
  const root = Math.sqrt(Math.max(0, rate * rate + 2 * slope * area));
  const seconds = rate + root === 0 ? 0 : (2 * area) / (rate + root);
  return Math.min(durationMs, seconds * 1000);
}
