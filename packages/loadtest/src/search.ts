import { fitCapacity, type CapacityEstimate, type CapacityPoint } from './capacity.ts';
import type { RunResult } from './run-result.ts';

/** How the highest load is looked for. */
export interface SearchOptions {
  /** Runs at one level; the thresholds of its scenario are the objective. */
  probe: (level: number) => Promise<RunResult>;
  /** @defaultValue 1 */
  from?: number;
  /** @defaultValue 1_000 */
  upTo?: number;
  /** Smallest step worth a run; 1 for sessions. @defaultValue 1 */
  step?: number;
  signal?: AbortSignal;
  onPoint?: (point: SearchPoint) => void;
}

/** One run of a search. */
export interface SearchPoint {
  level: number;
  holds: boolean;
  perSecond: number;
  meanInFlight: number;
  responseP50Ms?: number;
  why: string[];
}

/** What a search found. */
export interface SearchResult {
  /** The highest level at which the objective held three times; absent when it never did. */
  highest?: number;
  points: SearchPoint[];
  capacity?: CapacityEstimate;
}

/** Runs that must agree before a level is believed, the finding one included. */
const CONFIRMATIONS = 3;

/** Doubles the level until the objective fails, halves the gap, and confirms what it found twice more. */
export async function searchCapacity(options: SearchOptions): Promise<SearchResult> {
  const { from = 1, upTo = 1000, step = 1 } = options;
  const points: SearchPoint[] = [];
  const holdsAt = async (level: number): Promise<boolean> => {
    if (options.signal?.aborted) return false;
    const point = pointOf(level, await options.probe(level));
    points.push(point);
    options.onPoint?.(point);
    return point.holds;
  };
  let good = 0;
  let bad = Number.POSITIVE_INFINITY;
  for (let level = from; level <= upTo; level *= 2) {
    if (!(await holdsAt(level))) {
      bad = level;
      break;
    }
    good = level;
  }
  while (bad - good > step && Number.isFinite(bad)) {
    const middle = Math.round((good + bad) / 2 / step) * step;
    if (middle <= good || middle >= bad) break;
    if (await holdsAt(middle)) good = middle;
    else bad = middle;
  }
  const highest = await confirm(good, step, holdsAt);
  return { points, ...(highest > 0 && { highest }), ...capacityOf(points) };
}

/** Steps down until a level holds as often as it must. */
async function confirm(level: number, step: number, holdsAt: (level: number) => Promise<boolean>): Promise<number> {
  for (let candidate = level; candidate > 0; candidate -= step) {
    let agreed = 1;
    while (agreed < CONFIRMATIONS && (await holdsAt(candidate))) agreed += 1;
    if (agreed === CONFIRMATIONS) return candidate;
  }
  return 0;
}

function pointOf(level: number, { verdict, load, totals }: RunResult): SearchPoint {
  const p50 = totals.latency.response?.percentiles[0]?.value;
  return {
    level,
    holds: verdict.exit === 0,
    perSecond: load.okPerSecond,
    meanInFlight: load.meanInFlight,
    ...(p50 !== undefined && { responseP50Ms: p50 }),
    why: verdict.reasons,
  };
}

function capacityOf(points: readonly SearchPoint[]): { capacity?: CapacityEstimate } {
  const lowest = points.reduce<SearchPoint | undefined>(
    (low, point) => (low && low.level <= point.level ? low : point),
    undefined,
  );
  const unhurriedMs = lowest?.responseP50Ms;
  const measured: CapacityPoint[] = points.map(({ meanInFlight, perSecond }) => ({
    concurrency: Math.max(1, meanInFlight),
    perSecond,
  }));
  if (unhurriedMs === undefined || new Set(points.map(({ level }) => level)).size < 3) return {};
  return {
    capacity: fitCapacity(
      measured.filter(({ perSecond }) => perSecond > 0),
      unhurriedMs,
    ),
  };
}
