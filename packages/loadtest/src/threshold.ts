import type { CallRecord } from './call-records.ts';
import { isTimeout } from './outcome.ts';
import type { GroupSummary, LatencySummary, RunResult, ThresholdResult } from './run-result.ts';
import { binomialAtMost, sampleFloor } from './statistics.ts';
import { holds, parseThreshold, type Threshold } from './threshold-expression.ts';

/** The parts of a result that thresholds look at. */
export type Measured = Omit<RunResult, 'verdict' | 'thresholds' | 'selfChecks'>;

/** Numbers of experiments that are not part of a plain run, by threshold metric. */
export type ExtraMetrics = Readonly<Record<string, number | undefined>>;

/**
 * Judges one threshold: `pass`, `fail`, or `undecided` when the calls made support neither. No data never passes.
 * A percentile passes only when so few of so many calls are over the limit that chance is no explanation.
 */
export function judgeThreshold(
  text: string,
  measured: Measured,
  records: Iterable<CallRecord>,
  extra: ExtraMetrics = {},
): ThresholdResult {
  const threshold = parseThreshold(text);
  const { tool } = threshold;
  const own = (record: CallRecord): boolean => tool === undefined || toolOf(measured, record) === tool;
  if (threshold.percentile !== undefined) return judgePercentile(threshold, records, own);
  if (threshold.goodput) return judgeGoodput(threshold, threshold.goodput, records, own);
  const group = tool === undefined ? measured.totals : measured.byTool.find(({ name }) => name === tool);
  const observed = group && (extra[threshold.metric] ?? numberOf(threshold.metric, group, measured));
  if (observed === undefined || group === undefined) {
    return { text, status: 'undecided', n: 0, why: 'nothing was measured that it could be judged by' };
  }
  const n = group.calls;
  const status = holds(observed, threshold.operator, threshold.value) ? 'pass' : 'fail';
  return { text, status, observed, n, why: `observed ${formatNumber(observed)} over ${n} calls` };
}

function toolOf(measured: Measured, record: CallRecord): string | undefined {
  return measured.scenario.mix[record.entry]?.tool;
}

function judgePercentile(
  threshold: Threshold,
  records: Iterable<CallRecord>,
  isOwn: (record: CallRecord) => boolean,
): ThresholdResult {
  const { text, percentile = 0.5, operator, value: limit, confidence, metric } = threshold;
  const floor = sampleFloor(percentile, confidence);
  // A call cut off before the limit may have been good or bad: it counts against a pass and not towards a fail.
  let [n, surelyOver, maybeOver] = [0, 0, 0];
  for (const record of records) {
    const cut = isTimeout(record.outcome) || record.outcome === 'censored';
    if (!isOwn(record) || (record.outcome !== 'ok' && !cut)) continue;
    const ms = msOf(metric, record);
    if (Number.isNaN(ms)) continue;
    const isOver = !holds(ms, operator, limit);
    n += 1;
    if (isOver) surelyOver += 1;
    if (isOver || cut) maybeOver += 1;
  }
  if (n === 0) return { text, status: 'undecided', n, why: 'no call has this time' };
  const observed = 1 - surelyOver / n;
  const base = { text, n, observed };
  const share = `${surelyOver} of ${n} calls are not ${operator} the limit`;
  if (binomialAtMost(maybeOver, n, 1 - percentile) <= 1 - confidence + 1e-12)
    return { ...base, status: 'pass', why: share };
  if (1 - binomialAtMost(surelyOver - 1, n, 1 - percentile) <= 1 - confidence)
    return { ...base, status: 'fail', why: share };
  const why = n < floor ? `n = ${n} < ${floor}: not supported` : `${share}, which is too close to call`;
  return { ...base, status: 'undecided', why };
}

function msOf(metric: string, record: CallRecord): number {
  switch (metric.split('.')[0] ?? '') {
    case 'service':
      return record.serviceMs;
    case 'response':
      return record.lagMs + record.serviceMs;
    case 'first_event':
      return record.firstEventMs;
    case 'first_token':
      return record.firstTokenMs;
    default:
      return record.queuedMs;
  }
}

function judgeGoodput(
  threshold: Threshold,
  { latency, limitMs }: NonNullable<Threshold['goodput']>,
  records: Iterable<CallRecord>,
  isOwn: (record: CallRecord) => boolean,
): ThresholdResult {
  const { text, operator, value } = threshold;
  let [n, good] = [0, 0];
  for (const record of records) {
    if (!isOwn(record)) continue;
    n += 1;
    if (record.outcome === 'ok' && msOf(latency, record) < limitMs) good += 1;
  }
  if (n === 0) return { text, status: 'undecided', n, why: 'no call was made' };
  const observed = good / n;
  return {
    text,
    status: holds(observed, operator, value) ? 'pass' : 'fail',
    observed,
    n,
    why: `${good} of ${n} calls ended well within the limit`,
  };
}

function numberOf(metric: string, group: GroupSummary, measured: Measured): number | undefined {
  const { outcomes, calls } = group;
  const [kind, stat] = metric.split('.');
  const latency = latencyOf(group, kind ?? '');
  if (latency) return stat === 'mean' ? latency.mean : latency.max;
  switch (metric) {
    case 'calls':
      return calls;
    case 'ok':
    case 'rejected':
    case 'stopped':
    case 'dropped':
      return outcomes[metric];
    case 'failed':
      return calls - outcomes.ok;
    case 'lost':
      return group.lost;
    case 'timeouts':
      return group.timeouts;
    case 'unexpected':
      return group.unexpected;
    case 'success.rate':
      return calls === 0 ? undefined : outcomes.ok / calls;
    case 'rate':
      return measured.load.okPerSecond;
    default:
      return runNumberOf(metric, measured);
  }
}

function latencyOf({ latency }: GroupSummary, kind: string): LatencySummary | undefined {
  switch (kind) {
    case 'service':
      return latency.service;
    case 'response':
      return latency.response;
    case 'first_event':
      return latency.firstEvent;
    case 'first_token':
      return latency.firstToken;
    case 'queued':
      return latency.queued;
    default:
      return undefined;
  }
}

function runNumberOf(
  metric: string,
  { wire, fairness, permits, recovery, interference }: Measured,
): number | undefined {
  switch (metric) {
    case 'duplicate':
    case 'late':
    case 'unsolicited':
      return wire[metric];
    case 'fairness.jain':
      return fairness;
    case 'audit.leaks':
      return permits?.leaks;
    case 'audit.violations':
      return permits?.violations.length;
    case 'audit.over_capacity':
      return permits?.overCapacity;
    case 'interference.max_effect':
      return interference?.effect;
    case 'interference.p':
      return interference?.p;
    case 'recovery.repaired':
      return recovery?.filter((event) => event.repairedAfterMs !== undefined).length;
    case 'recovery.time':
      return slowestRepair(recovery);
    default:
      return undefined;
  }
}

function slowestRepair(recovery: RunResult['recovery']): number | undefined {
  if (!recovery || recovery.length === 0) return undefined;
  return Math.max(...recovery.map((event) => event.repairedAfterMs ?? Number.POSITIVE_INFINITY));
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
