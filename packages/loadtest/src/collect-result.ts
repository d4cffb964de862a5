import { availableParallelism } from 'node:os';

import { OK, type CallRecord, type CallRecords, type CallRecordSet } from './call-records.ts';
import { round, summariseGroups } from './group-summary.ts';
import type { LoadRun } from './load-run.ts';
import { recoveryOf, type InjectedFault } from './recovery.ts';
import type { RunOptions } from './run-options.ts';
import { REPORT_SCHEMA_ID, type RunResult } from './run-result.ts';
import type { Scenario } from './scenario.ts';
import { LONGEST_STALL_MS, selfChecksOf, sendLagP99 } from './self-checks.ts';
import type { Spend } from './spend.ts';
import { jainIndex } from './statistics.ts';
import { judgeThreshold, type Measured } from './threshold.ts';
import { timelineOf } from './timeline.ts';
import { verdictOf } from './verdict.ts';
import { VERSION } from './version.ts';

/** A run that has ended, before it is understood. */
export interface EndedRun {
  scenario: Scenario;
  options: RunOptions;
  run: LoadRun;
  records: CallRecords;
  startedAt: string;
  loadAverage: number;
  /** When the load stopped, in the run's own time. */
  loadMs: number;
  drainedMs: number;
  longestStallMs: number;
  injected: readonly InjectedFault[];
  failedFaults: readonly string[];
  seed: number;
  spend?: Spend;
}

/** Sessions beyond this are summed up only together: a report of thousands of rows helps nobody. */
const MAX_SESSION_ROWS = 200;

/** Turns an ended run into its result. */
export function collectResult(ended: EndedRun): RunResult {
  const { scenario, options, run, longestStallMs } = ended;
  const all = ended.records;
  const records = all.measured();
  const measured = measure(ended, all, records);
  const selfChecks = selfChecksOf({
    run,
    records: all,
    scenario,
    windows: measured.timeline.windows,
    medianResponseMs: measured.totals.latency.response?.percentiles[0]?.value ?? 0,
    longestStallMs,
    loadAverage: ended.loadAverage,
    cores: availableParallelism(),
    maxStallMs: options.maxStallMs ?? LONGEST_STALL_MS,
  });
  const thresholds = (scenario.thresholds ?? []).map((text) => judgeThreshold(text, measured, records, options.extra));
  const { schema, meta, ...rest } = measured;
  const verdict = verdictOf({
    ...measured,
    selfChecks,
    thresholds,
    failedFaults: ended.failedFaults,
    interrupted: options.signal?.aborted ?? false,
    allowUndecided: options.allowUndecided ?? false,
  });
  return { schema, meta, verdict, selfChecks, thresholds, ...rest };
}

function measure(ended: EndedRun, all: CallRecordSet, records: CallRecordSet): Measured {
  const { scenario, options, run, loadMs, drainedMs, injected } = ended;
  const warmupMs = scenario.warmupMs ?? 0;
  const measuredMs = Math.max(0, loadMs - warmupMs);
  const permits = options.permits?.audit();
  const timeline = timelineOf(all, Math.max(1, loadMs + drainedMs));
  const groups = groupsOf(records, scenario);
  const inside = goodEndsBetween(all, warmupMs, loadMs);
  return {
    schema: REPORT_SCHEMA_ID,
    meta: metaOf(ended),
    scenario,
    load: {
      kind: scenario.load.kind,
      measuredMs: round(measuredMs),
      warmupMs,
      drainedMs: round(drainedMs),
      planned: run.launched,
      sent: run.sent,
      okPerSecond: measuredMs === 0 ? 0 : round((inside / measuredMs) * 1000),
      peakInFlight: run.peakInFlight,
      meanInFlight: round(run.area / Math.max(1, loadMs + drainedMs)),
      sendLagP99Ms: sendLagP99(records),
      longestStallMs: round(ended.longestStallMs),
    },
    ...groups,
    fairness: round(jainIndex(groups.bySession.map((group) => group.outcomes.ok))),
    wire: options.driver.wire,
    timeline,
    ...(ended.spend && { spend: { ...ended.spend, usd: round(ended.spend.usd) } }),
    ...(permits && { permits }),
    ...(options.interference && { interference: options.interference }),
    ...(injected.length > 0 && {
      recovery: recoveryOf({ injected, records: all, timeline, counters: options.permits?.counters ?? [] }),
    }),
  };
}

function metaOf({ options, startedAt, seed, loadAverage }: EndedRun): RunResult['meta'] {
  return {
    tool: '@exai/loadtest',
    version: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch}, ${availableParallelism()} cores`,
    startedAt,
    seed,
    timeScale: options.timeScale ?? 1,
    target: options.driver.info(),
    ...(options.command !== undefined && { command: options.command }),
    loadAverage: round(loadAverage),
  };
}

/** Throughput counts what ended inside the measured time, whenever it was due. */
function goodEndsBetween(records: CallRecordSet, fromMs: number, toMs: number): number {
  let ends = 0;
  const [due, lags, services] = [records.column('due'), records.column('lagMs'), records.column('serviceMs')];
  const outcomes = records.column('outcome');
  for (let row = 0; row < due.length; row += 1) {
    const end = (due[row] ?? 0) + (lags[row] ?? 0) + (services[row] ?? 0);
    if (outcomes[row] === OK && end > fromMs && end <= toMs) ends += 1;
  }
  return ends;
}

function groupsOf(
  records: CallRecordSet,
  { mix, load }: Scenario,
): Pick<RunResult, 'totals' | 'byTool' | 'bySession' | 'byProvider'> {
  const toolOf = ({ entry }: CallRecord): string => mix[entry]?.tool ?? '';
  const sessionOf = ({ session }: CallRecord): string | undefined => sessionNames[session];
  // A session without a single call is the most unfair share there is: it gets its row.
  const sessions = load.kind === 'sessions' ? 0 : Math.min(load.sessions, MAX_SESSION_ROWS);
  const sessionNames = Array.from({ length: MAX_SESSION_ROWS }, (_, index) => String(index + 1));
  const [[totals] = [], byTool = [], bySession = [], byProvider = []] = summariseGroups(records, [
    { nameOf: () => ALL, names: [ALL] },
    { key: 'entry', nameOf: toolOf, names: [...new Set(mix.map(({ tool }) => tool))] },
    { key: 'session', nameOf: sessionOf, names: sessionNames.slice(0, sessions) },
    { key: 'provider', nameOf: ({ provider }) => (provider === '' ? undefined : provider) },
  ]);
  if (!totals) throw new Error('a group of every call cannot be missing');
  return { totals, byTool, bySession, byProvider };
}

const ALL = 'all';
