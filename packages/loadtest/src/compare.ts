import { detectableShare, holm, rankTestP, relativeChange, smallestRankP } from './exact-tests.ts';
import { binomialAtMost, meanOfValues } from './statistics.ts';
import type { LatencySummary, RunResult } from './run-result.ts';

/** What two groups of runs are compared by; the run, not the request, is the unit. */
export const COMPARED_METRICS = ['response.p50', 'response.p95', 'success.rate', 'rate'] as const;
/** See {@link COMPARED_METRICS}. */
export type ComparedMetric = (typeof COMPARED_METRICS)[number];

/** Runs a side needs before a rank test can reach 5 %: 2 / C(8, 4) = 2.9 %. */
export const FEWEST_RUNS = 4;

/** How strict a comparison is. */
export interface CompareOptions {
  /** Chance of a false alarm that is accepted over all metrics together. @defaultValue 0.05 */
  alpha?: number;
  /** @defaultValue response.p50, response.p95 and success.rate */
  metrics?: readonly ComparedMetric[];
}

/** One metric of a comparison. */
export interface MetricComparison {
  metric: ComparedMetric;
  before: number[];
  after: number[];
  /** Relative change of the means; for a rate of success the difference. */
  change: number;
  p: number;
  /** After Holm's correction for the number of metrics. */
  correctedP: number;
  /** Relative change that these runs would have shown four times out of five. */
  detectable: number;
  verdict: 'regressed' | 'improved' | 'no_change' | 'inconclusive';
}

/** What a comparison says. */
export interface Comparison {
  verdict: MetricComparison['verdict'];
  metrics: MetricComparison[];
  reasons: string[];
}

const DEFAULT_METRICS: readonly ComparedMetric[] = ['response.p50', 'response.p95', 'success.rate'];
/** A drop of the success rate that single runs are believed for: ten points, and no chance in a million. */
const GROSS_DROP = 0.1;
const GROSS_P = 1e-6;

/**
 * Compares runs of the same scenario before and after a change. With four or more runs a side, made in turns, an exact rank
 * test over the runs decides; with fewer only a gross loss of success is called, everything else is inconclusive.
 */
export function compare(
  before: readonly RunResult[],
  after: readonly RunResult[],
  options: CompareOptions = {},
): Comparison {
  const { alpha = 0.05, metrics = DEFAULT_METRICS } = options;
  const unusable = [...before, ...after].filter(
    ({ verdict }) => verdict.status === 'void' || verdict.status === 'unreachable',
  );
  if (unusable.length > 0)
    return inconclusive(`${unusable.length} runs are void: the load tester was at fault, or nothing answered`);
  const names = new Set(
    [...before, ...after].map(({ scenario, meta }) => `${scenario.name} at time scale ${meta.timeScale}`),
  );
  if (names.size > 1) return inconclusive(`the runs are of different scenarios: ${[...names].join(', ')}`);
  const rows = metrics.map((metric) => measureBoth(metric, before, after));
  const corrected = holm(rows.map(({ p }) => p));
  const judged = rows.map((row, index) => judge({ ...row, correctedP: corrected[index] ?? 1 }, before, after, alpha));
  const verdicts = judged.map(({ verdict }) => verdict);
  const verdict =
    (['regressed', 'inconclusive', 'improved'] as const).find((one) => verdicts.includes(one)) ?? 'no_change';
  const reasons = tooFew(before, after)
    ? [`${Math.min(before.length, after.length)} runs a side; ${FEWEST_RUNS} are needed for an exact test at ${alpha}`]
    : [];
  return { verdict, metrics: judged, reasons };
}

function inconclusive(reason: string): Comparison {
  return { verdict: 'inconclusive', metrics: [], reasons: [reason] };
}

function tooFew(before: readonly RunResult[], after: readonly RunResult[]): boolean {
  return Math.min(before.length, after.length) < FEWEST_RUNS;
}

function measureBoth(
  metric: ComparedMetric,
  before: readonly RunResult[],
  after: readonly RunResult[],
): Omit<MetricComparison, 'correctedP' | 'verdict'> {
  const a = before.flatMap((run) => valueOf(metric, run));
  const b = after.flatMap((run) => valueOf(metric, run));
  const change = metric === 'success.rate' ? meanOfValues(b) - meanOfValues(a) : relativeChange(a, b);
  return { metric, before: a, after: b, change, p: rankTestP(a, b), detectable: detectableShare(a, b) };
}

function valueOf(metric: ComparedMetric, { totals, load }: RunResult): number[] {
  switch (metric) {
    case 'success.rate':
      return totals.calls === 0 ? [] : [totals.outcomes.ok / totals.calls];
    case 'rate':
      return [load.okPerSecond];
    case 'response.p50':
    case 'response.p95':
    default:
      return percentile(totals.latency.response, metric === 'response.p50' ? 0.5 : 0.95);
  }
}

function percentile(latency: LatencySummary | undefined, p: number): number[] {
  const value = latency?.percentiles.find((one) => one.p === p)?.value;
  return value === undefined ? [] : [value];
}

function judge(
  row: Omit<MetricComparison, 'verdict'>,
  before: readonly RunResult[],
  after: readonly RunResult[],
  alpha: number,
): MetricComparison {
  const lowerIsBetter = row.metric === 'response.p50' || row.metric === 'response.p95';
  const isWorse = lowerIsBetter ? row.change > 0 : row.change < 0;
  if (row.metric === 'success.rate' && isGrossDrop(row.change, before, after)) return { ...row, verdict: 'regressed' };
  const canDecide = smallestRankP(row.before.length, row.after.length) <= alpha;
  if (!canDecide) return { ...row, verdict: 'inconclusive' };
  if (row.correctedP > alpha) return { ...row, verdict: 'no_change' };
  return { ...row, verdict: isWorse ? 'regressed' : 'improved' };
}

/** Failures that were absent before count even when "0 % before" leaves nothing to divide by. */
function isGrossDrop(change: number, before: readonly RunResult[], after: readonly RunResult[]): boolean {
  if (change > -GROSS_DROP) return false;
  const sum = (runs: readonly RunResult[], of: (run: RunResult) => number): number =>
    runs.reduce((all, run) => all + of(run), 0);
  const callsBefore = sum(before, ({ totals }) => totals.calls);
  const failedBefore = callsBefore - sum(before, ({ totals }) => totals.outcomes.ok);
  const calls = sum(after, ({ totals }) => totals.calls);
  const failed = calls - sum(after, ({ totals }) => totals.outcomes.ok);
  const chance = (failedBefore + 1) / (callsBefore + 2);
  return 1 - binomialAtMost(failed - 1, calls, chance) < GROSS_P;
}
