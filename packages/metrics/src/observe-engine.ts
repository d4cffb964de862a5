import { assertMethods } from './assert-methods.ts';
import { Calibration } from './calibration.ts';
import type { FamilySet } from './family-set.ts';

/** Fields of workflow events this package reads; every one may be absent. */
export interface EngineEvent {
  readonly runId?: string;
  /** Name of the workflow; only `run.started` says it. */
  readonly workflow?: string;
  readonly stop?: { readonly kind: string; readonly verified?: boolean };
  readonly result?: { readonly steps: number };
  /** `claim`: the calibrated probability that it is right, 0 to 1. */
  readonly p?: number;
  /** `verdict`: what an expert or judge says of the latest claim. */
  readonly ok?: boolean | 'unknown';
}

/** Events of a workflow engine this package listens to. */
export type EngineEventName = 'run.started' | 'step.finished' | 'claim' | 'verdict' | 'run.finished';

/** A workflow engine by shape: `createEngine()` of `@exai/workflow` fits it. */
export interface ObservableEngine {
  on(event: EngineEventName, listener: (event: EngineEvent) => void): () => void;
}

/** Runs that are remembered; a run that never ends must not hold memory for ever. */
const MAX_RUNS = 10_000;

/** Feeds the workflow families from an engine's events until the returned function is called. */
export function observeEngine(families: FamilySet, engine: ObservableEngine): () => void {
  assertMethods('INVALID_COMPONENT', 'engine', engine, ['on']);
  const runs = new LiveRuns();
  const calibrations = new Map<string, Calibration>();
  const stopCalibration = families.get('mcp_workflow_calibration_error').attach((emit) => {
    for (const [tool, { error }] of calibrations) if (error !== undefined) emit({ tool }, error);
  });
  const stops = [
    stopCalibration,
    engine.on('run.started', (event) => families.add('mcp_workflow_runs_total', { tool: runs.start(event).tool })),
    engine.on('step.finished', (event) => families.add('mcp_workflow_steps_total', { tool: runs.get(event).tool })),
    engine.on('claim', (event) => {
      runs.get(event).claimed = event.p;
    }),
    engine.on('verdict', (event) => recordVerdict(families, calibrations, runs.get(event), event)),
    engine.on('run.finished', (event) => {
      recordStop(families, runs.get(event).tool, event);
      runs.end(event);
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

interface LiveRun {
  readonly tool: string;
  claimed: number | undefined;
}

/** Only the first event of a run says which workflow it is, and a verdict speaks of the claim before it. */
class LiveRuns {
  readonly #runs = new Map<string, LiveRun>();

  start({ runId = '', workflow = 'other' }: EngineEvent): LiveRun {
    const run: LiveRun = { tool: workflow, claimed: undefined };
    this.#runs.set(runId, run);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MAX_RUNS && oldest !== undefined) this.#runs.delete(oldest);
    return run;
  }

  get({ runId = '' }: EngineEvent): LiveRun {
    return this.#runs.get(runId) ?? { tool: 'other', claimed: undefined };
  }

  end({ runId = '' }: EngineEvent): void {
    this.#runs.delete(runId);
  }
}

function recordStop(families: FamilySet, tool: string, { stop, result }: EngineEvent): void {
  families.add('mcp_workflow_stops_total', { tool, reason: stopReason(stop) });
  if (result !== undefined) families.observe('mcp_workflow_run_steps', { tool }, result.steps);
}

/** A run that says it is complete and was not checked is no success. */
function stopReason(stop: EngineEvent['stop']): string {
  if (stop?.kind === 'complete' && stop.verified !== true) return 'complete_unverified';
  return stop?.kind ?? 'other';
}

function recordVerdict(
  families: FamilySet,
  calibrations: Map<string, Calibration>,
  run: LiveRun,
  { ok }: EngineEvent,
): void {
  families.add('mcp_workflow_verdicts_total', { tool: run.tool, result: verdictOf(ok) });
  if (typeof ok !== 'boolean' || run.claimed === undefined) return;
  const tool = families.admit('tool', run.tool);
  const calibration = calibrations.get(tool) ?? new Calibration();
  calibration.add(run.claimed, ok);
  calibrations.set(tool, calibration);
}

function verdictOf(ok: EngineEvent['ok']): string {
  if (ok === true) return 'ok';
  return ok === false ? 'failed' : 'unknown';
}
