import type { LoadRun } from './load-run.ts';
import { CLOSED, OK, type CallRecordSet } from './call-records.ts';
import { round } from './group-summary.ts';
import { OUTCOMES } from './outcome.ts';
import type { SelfCheck, TimelineWindow } from './run-result.ts';
import { percentileOf, slopeOf } from './statistics.ts';
import type { Scenario } from './scenario.ts';

/** A single stall of the sender beyond this voids the run, in milliseconds. */
export const LONGEST_STALL_MS = 180;
/** Send lag (p99) that voids an open run: the larger of a floor and a share of the median response. */
export const LAG_FLOOR_MS = 25;
/** See {@link LAG_FLOOR_MS}. */
export const LAG_SHARE = 0.05;
/** Load average per core beyond which a machine has more work than it can do. */
export const MOST_LOAD_PER_CORE = 1.5;
const LITTLE_TOLERANCE = 0.03;
/** t beyond which a slope is no chance. */
const STEADY_T = 4;

/** What the checks look at. */
export interface SelfCheckInput {
  run: LoadRun;
  records: CallRecordSet;
  scenario: Scenario;
  windows: readonly TimelineWindow[];
  medianResponseMs: number;
  longestStallMs: number;
  loadAverage: number;
  cores: number;
  maxStallMs: number;
}

/** Asks of the load tester what it would ask of a witness: was it awake, does it add up, does it contradict itself? */
export function selfChecksOf(input: SelfCheckInput): SelfCheck[] {
  return [
    conservation(input),
    stall(input),
    sendLag(input),
    littlesArea(input),
    closedLoop(input),
    steady(input),
    host(input),
  ].filter((check) => check !== undefined);
}

/** p99 of how late calls were sent; calls that ended with the outcome `except` are left out. */
export function sendLagP99(records: CallRecordSet, except?: number): number {
  const lags = records.column('lagMs');
  if (except !== undefined) {
    const outcomes = records.column('outcome');
    for (let row = outcomes.indexOf(except); row !== -1; row = outcomes.indexOf(except, row + 1))
      lags[row] = Number.NaN;
  }
  // Calls that were never sent have no lag, and are sorted to the end.
  lags.sort();
  let count = lags.length;
  while (count > 0 && Number.isNaN(lags[count - 1])) count -= 1;
  return round(percentileOf(lags.subarray(0, count), 0.99) ?? 0);
}

function conservation({ run, records }: SelfCheckInput): SelfCheck {
  const counted = OUTCOMES.reduce((sum, outcome) => sum + run.outcomes[outcome], 0);
  const missing = Math.abs(run.launched - counted) + Math.abs(run.launched - records.length) + Math.abs(run.inFlight);
  return {
    id: 'conservation',
    status: missing === 0 ? 'ok' : 'fail',
    value: missing,
    limit: 0,
    unit: 'calls',
    why: `${run.launched} calls were planned, ${counted} have an outcome, ${records.length} a record`,
  };
}

function stall({ longestStallMs, maxStallMs }: SelfCheckInput): SelfCheck {
  const status = longestStallMs >= maxStallMs ? 'fail' : longestStallMs >= maxStallMs / 3 ? 'warn' : 'ok';
  return {
    id: 'event-loop',
    status,
    value: round(longestStallMs),
    limit: maxStallMs,
    unit: 'ms',
    why: 'longest time in which the load tester itself did not run',
  };
}

function sendLag({ records, scenario, medianResponseMs }: SelfCheckInput): SelfCheck | undefined {
  const capped = scenario.load.kind === 'open' && scenario.load.maxInflight !== undefined;
  if (records.length === 0 || capped) return undefined;
  const value = sendLagP99(records, CLOSED);
  const limit = round(Math.max(LAG_FLOOR_MS, LAG_SHARE * medianResponseMs));
  return {
    id: 'send-lag',
    status: value > limit ? (scenario.load.kind === 'open' || scenario.load.kind === 'trace' ? 'fail' : 'warn') : 'ok',
    value,
    limit,
    unit: 'ms',
    why: 'p99 of sent less due: beyond it the schedule was not the one asked for',
  };
}

/** ∫ in-flight dt must equal the sum of all residence times: two books, kept apart. */
function littlesArea({ run, records }: SelfCheckInput): SelfCheck | undefined {
  let residence = 0;
  const services = records.column('serviceMs');
  for (let row = 0; row < services.length; row += 1) {
    const serviceMs = services[row] ?? Number.NaN;
    if (!Number.isNaN(serviceMs)) residence += serviceMs;
  }
  if (residence === 0) return undefined;
  const value = round(run.area / residence);
  return {
    id: 'littles-law',
    status: Math.abs(value - 1) > LITTLE_TOLERANCE ? 'fail' : 'ok',
    value,
    limit: 1 + LITTLE_TOLERANCE,
    unit: '',
    why: 'calls in flight over time, divided by the sum of their times',
  };
}

/** N / (X · R) of a closed load without pauses: below 1 when calls vanish, above it when many are cut off. */
function closedLoop({ records, scenario }: SelfCheckInput): SelfCheck | undefined {
  const { load } = scenario;
  if (load.kind !== 'closed' || load.think || load.rampMs || scenario.client?.callsPerConnection) return undefined;
  const slots = load.sessions * (load.inflightPerSession ?? 1);
  const warmupMs = scenario.warmupMs ?? 0;
  const [due, lags, services] = [records.column('due'), records.column('lagMs'), records.column('serviceMs')];
  const outcomes = records.column('outcome');
  const ends = new Float64Array(due.length);
  let [sent, lastEnd, until] = [0, 0, warmupMs];
  for (let row = 0; row < due.length; row += 1) {
    const dueMs = due[row] ?? 0;
    const end = dueMs + (lags[row] ?? 0) + (services[row] ?? 0);
    ends[row] = end;
    if (Number.isNaN(services[row])) continue;
    if (outcomes[row] !== OK) return undefined;
    sent += 1;
    if (end > lastEnd) lastEnd = end;
    if (dueMs > until) until = dueMs;
  }
  if (sent < slots * 10) return undefined;
  let inside = 0;
  for (let row = 0; row < due.length; row += 1) {
    const end = ends[row] ?? Number.NaN;
    if (!Number.isNaN(end)) inside += Math.max(0, Math.min(until, end) - Math.max(warmupMs, due[row] ?? 0));
  }
  const value = lastEnd === 0 ? 1 : round((slots * (until - warmupMs)) / inside);
  return {
    id: 'closed-loop',
    status: Math.abs(value - 1) > LITTLE_TOLERANCE ? 'warn' : 'ok',
    value,
    limit: 1 + LITTLE_TOLERANCE,
    unit: '',
    why: 'sessions, divided by throughput times response time',
  };
}

function steady({ windows, scenario }: SelfCheckInput): SelfCheck | undefined {
  if (scenario.load.kind === 'open' && scenario.load.stages) return undefined;
  const medians = windows.slice(1, -1).flatMap(({ responseP50 }) => (responseP50 === undefined ? [] : [responseP50]));
  if (medians.length < 10) return undefined;
  const { t } = slopeOf(medians);
  return {
    id: 'steady-state',
    status: Math.abs(t) > STEADY_T ? 'warn' : 'ok',
    value: round(Math.abs(t)),
    limit: STEADY_T,
    unit: 't',
    why: 'slope of the median response over the run: a trend means that percentiles mix different states',
  };
}

function host({ loadAverage, cores }: SelfCheckInput): SelfCheck {
  return {
    id: 'host',
    status: loadAverage > cores * MOST_LOAD_PER_CORE ? 'warn' : 'ok',
    value: round(loadAverage),
    limit: cores * MOST_LOAD_PER_CORE,
    unit: 'load',
    why: `load average of this machine (${cores} cores) at the start`,
  };
}
