import type { TargetInfo, WireCounters } from './driver.ts';
import type { InterferenceResult } from './interference.ts';
import type { Spend } from './spend.ts';
import type { OutcomeCounts } from './outcome.ts';
import type { Scenario } from './scenario.ts';

/** Name and version of the report format. */
export const REPORT_SCHEMA_ID = 'exai.loadtest.report/1';

/** One kind of time over a set of calls, in milliseconds. A percentile is absent when too few calls support it. */
export interface LatencySummary {
  /** Calls that ran to a good end. */
  n: number;
  /** Calls cut off by a time-out or by the end of the run. */
  censored: number;
  method: 'exact' | 'kaplan-meier';
  min: number;
  mean: number;
  max: number;
  /** Each with the calls it needs at least, whether it has them, and a 95 % interval from the order statistics. */
  percentiles: { p: number; value?: number; low?: number; high?: number; floor: number; supported: boolean }[];
}

/** A group of calls: all of them, one tool, one session, one provider. */
export interface GroupSummary {
  name: string;
  calls: number;
  outcomes: OutcomeCounts;
  /** Codes of what did not end well, with their counts. */
  codes: Record<string, number>;
  lost: number;
  timeouts: number;
  /** Calls that ended in a class that the scenario does not allow for them. */
  unexpected: number;
  latency: {
    /** From sent to end. */
    service?: LatencySummary;
    /** From due to end: includes what the sender or a full session made it wait. */
    response?: LatencySummary;
    firstEvent?: LatencySummary;
    firstToken?: LatencySummary;
    maxGap?: LatencySummary;
    /** After the first token, per further token of the answer: pieces of several tokens are weighed by them. */
    perToken?: LatencySummary;
    /** Wait for admission and permits, as the server says. */
    queued?: LatencySummary;
    /** Service time less the time asked of the simulator: the wait and overhead as seen from outside. */
    overhead?: LatencySummary;
  };
}

/** One slice of the run's time. */
export interface TimelineWindow {
  /** Start, in milliseconds from the start of the load. */
  atMs: number;
  ended: number;
  ok: number;
  inFlight: number;
  serviceP50?: number;
  responseP50?: number;
  responseP95?: number;
}

/** A statement about the load tester itself. `fail` voids the run. */
export interface SelfCheck {
  id: string;
  status: 'ok' | 'warn' | 'fail';
  value: number;
  limit: number;
  unit: string;
  why: string;
}

/** A threshold after the run. `undecided`: the calls made do not support a verdict either way. */
export interface ThresholdResult {
  text: string;
  status: 'pass' | 'fail' | 'undecided';
  observed?: number;
  n: number;
  why: string;
}

/** One reading of the server's permits. */
export interface PermitSample {
  atMs: number;
  tiers: { type: string; provider: string; capacity: number; current: number; expected: number; inUse: number }[];
}

/** What the server's metrics said about its permits during the run and after the drain. */
export interface PermitAudit {
  url: string;
  scrapes: number;
  failedScrapes: number;
  samples: PermitSample[];
  violations: { atMs: number; rule: string; detail: string }[];
  /** Permits still missing after the drain. */
  leaks: number;
  leaksDetected: number;
  recoveries: { success: number; partial: number; failed: number };
  /** Scrapes in which more permits were in use than there are. */
  overCapacity: number;
}

/** One fault, from its injection to full throughput. Times are milliseconds after the injection. */
export interface RecoveryEvent {
  kind: string;
  provider: string;
  count: number;
  injectedAtMs: number;
  detectedAfterMs?: number;
  repairedAfterMs?: number;
  throughputBackAfterMs?: number;
  failuresDuring: number;
}

/** Everything known about one run; plain data, the only input of every report. */
export interface RunResult {
  schema: typeof REPORT_SCHEMA_ID;
  meta: {
    tool: string;
    version: string;
    node: string;
    platform: string;
    startedAt: string;
    seed: number;
    timeScale: number;
    target: TargetInfo;
    command?: string;
    loadAverage: number;
  };
  verdict: {
    exit: number;
    status: 'passed' | 'failed' | 'void' | 'undecided' | 'unreachable' | 'interrupted';
    reasons: string[];
  };
  scenario: Scenario;
  load: {
    kind: string;
    measuredMs: number;
    warmupMs: number;
    drainedMs: number;
    planned: number;
    sent: number;
    /** Good ends per second of measured time. */
    okPerSecond: number;
    peakInFlight: number;
    meanInFlight: number;
    sendLagP99Ms: number;
    longestStallMs: number;
  };
  selfChecks: SelfCheck[];
  thresholds: ThresholdResult[];
  totals: GroupSummary;
  byTool: GroupSummary[];
  bySession: GroupSummary[];
  byProvider: GroupSummary[];
  /** Jain's index over the good ends of the sessions. */
  fairness: number;
  wire: WireCounters;
  timeline: { windowMs: number; windows: TimelineWindow[] };
  /** Present when the run had a limit of cost. */
  spend?: Spend;
  permits?: PermitAudit;
  recovery?: RecoveryEvent[];
  /** Present when the run was asked to test whether sessions harm each other. */
  interference?: InterferenceResult;
}
