import { Calibration } from './calibration.ts';
import type { FamilySet } from './family-set.ts';
import { MetricsError } from './metrics-error.ts';

/** Fields of workflow events this package reads; every one may be absent. */
export interface EngineEvent {
  readonly runId?: string;
  /** Name of the workflow, on `run.started` and `outcome`. */
  readonly workflow?: string;
  readonly stop?: { readonly kind: string; readonly verified?: boolean };
  readonly result?: { readonly steps: number };
  /** Stated probability that the answer is right, and whether it was; on `outcome`. */
  readonly p?: number;
  readonly ok?: boolean;
}

/** Events of a workflow engine this package listens to. */
export type EngineEventName = 'run.started' | 'step.finished' | 'run.finished' | 'outcome';

/** A workflow engine by shape: `createEngine()` of `@exai/workflow` fits it. */
export interface ObservableEngine {
  on(event: EngineEventName, listener: (event: EngineEvent) => void): () => void;
}

/** Runs whose workflow is remembered; a run that never ends must not hold memory for ever. */
const MAX_RUNS = 10_000;

/** Feeds the workflow families from an engine's events until the returned function is called. */
export function observeEngine(families: FamilySet, engine: ObservableEngine): () => void {
  if (typeof engine?.on !== 'function')
    throw new MetricsError('INVALID_COMPONENT', 'observeEngine needs an object with on()');
  const runs = new RunNames();
  const calibrations = new Map<string, Calibration>();
  const stopCalibration = families.get('mcp_workflow_calibration_error').attach((emit) => {
    for (const [tool, { error }] of calibrations) if (error !== undefined) emit({ tool }, error);
  });
  const stops = [
    stopCalibration,
    engine.on('run.started', (event) => {
      runs.remember(event);
      families.add('mcp_workflow_runs_total', { tool: runs.nameOf(event) });
    }),
    engine.on('step.finished', (event) => families.add('mcp_workflow_steps_total', { tool: runs.nameOf(event) })),
    engine.on('run.finished', (event) => {
      recordStop(families, runs.nameOf(event), event);
      runs.forget(event);
    }),
    engine.on('outcome', (event) => recordOutcome(families, calibrations, runs.nameOf(event), event)),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Only the first event of a run says which workflow it is. */
class RunNames {
  readonly #names = new Map<string, string>();

  remember({ runId, workflow }: EngineEvent): void {
    if (runId === undefined || workflow === undefined) return;
    this.#names.set(runId, workflow);
    if (this.#names.size <= MAX_RUNS) return;
    const [oldest] = this.#names.keys();
    if (oldest !== undefined) this.#names.delete(oldest);
  }

  nameOf({ runId = '', workflow }: EngineEvent): string {
    return workflow ?? this.#names.get(runId) ?? 'other';
  }

  forget({ runId = '' }: EngineEvent): void {
    this.#names.delete(runId);
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

function recordOutcome(
  families: FamilySet,
  calibrations: Map<string, Calibration>,
  workflow: string,
  { p, ok = false }: EngineEvent,
): void {
  const tool = families.admit('tool', workflow);
  families.add('mcp_workflow_outcomes_total', { tool, result: ok ? 'ok' : 'failed' });
  if (p === undefined) return;
  const calibration = calibrations.get(tool) ?? new Calibration();
  calibration.add(p, ok);
  calibrations.set(tool, calibration);
}
