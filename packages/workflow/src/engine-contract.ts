import type { RunEvent } from './run-events.ts';
import type { Run } from './run.ts';
import type {
  ForkOptions,
  PrepareOptions,
  PrunePolicy,
  ResumeOptions,
  RunFilter,
  StartOptions,
} from './engine-options.ts';
import type { Workflow } from './define-workflow.ts';
import type { Replay } from './replay.ts';
import type { RunInfo, RunSummary } from './run-info.ts';
import type { StepInstruction } from './step-instruction.ts';
import type { TerminationPolicy } from './termination-policy.ts';

/** Runs workflows and keeps their journals. One engine carries any number of runs at once; they share nothing. */
export interface Engine {
  /**
   * Starts an engine-driven run. One run at a time per conversation; a later one waits for its turn.
   *
   * @throws `WorkflowError` `INVALID_ARGUMENTS` at once, with nothing started; `ABORTED` on a closed engine.
   */
  start(workflow: Workflow, input: unknown, options?: StartOptions): Run;
  /**
   * Puts a run down in the store without driving it, and gives its id: any process that has the store and the workflow
   * drives it with `resume`. With the id of a run that is there and is the same work, nothing happens.
   *
   * @throws `WorkflowError` `INVALID_ARGUMENTS`, `CONFLICT` (the id is taken by other work), `UNKNOWN_CONTINUATION`, `STORE_FAILED`.
   */
  prepare(workflow: Workflow, input: unknown, options?: PrepareOptions): Promise<string>;
  /**
   * Goes on with a run: after a crash, after a suspension (with an answer), or after a stop that was not `complete`
   * (with more room). Steps that were completed are not run again; a model call in flight is sent again.
   */
  resume(runId: string, options?: ResumeOptions): Run;
  /** Goes on from an earlier record as a new run; the parent stays as it is. */
  fork(runId: string, options: ForkOptions): Run;
  /** Decides every decision of a run again, with the same or another policy. Calls no model and no tool. */
  replay(runId: string, options?: { readonly policy?: Partial<TerminationPolicy> }): Promise<Replay>;
  /**
   * Ends a run with `canceled`, also one that nobody drives now. Nothing happens to a finished one.
   *
   * @throws `WorkflowError` `LOCKED` (another process drives it), `RUN_NOT_FOUND`, `STORE_FAILED`.
   */
  cancel(runId: string, by?: string): Promise<void>;
  /**
   * Stops driving a run here without a word in its journal, and gives its lease back, so that another process may go on
   * with it; its `result` rejects with `FENCED`. Nothing happens to a run that is not driven here.
   */
  handOver(runId: string): Promise<void>;
  get(runId: string): Promise<RunInfo | undefined>;
  /** Runs, newest first. */
  list(filter?: RunFilter): Promise<readonly RunSummary[]>;
  /** Removes old journals of runs and conversations; number removed. */
  prune(policy: PrunePolicy): Promise<number>;
  /** Events of a run from a `seq` on, wherever it stands: from the journal, then live. Rejects with `RUN_NOT_FOUND`. */
  events(runId: string, options?: { readonly fromSeq?: number }): AsyncIterable<RunEvent>;
  /**
   * Takes one step of a caller-driven run: one claim in, one instruction out. A `continuation_id` goes on with the run
   * that is open for this workflow in that conversation; without one a run begins.
   */
  submitStep(workflow: Workflow, claim: unknown, options?: StartOptions): Promise<StepInstruction>;
  /** Says how a run's answer turned out; later claims are calibrated by it. Once per run. */
  recordOutcome(runId: string, ok: boolean): Promise<void>;
  /** Events of all runs. A listener that throws harms nobody. Returns the function that removes it. */
  on<T extends RunEvent['type']>(type: T, listener: (event: Extract<RunEvent, { type: T }>) => void): () => void;
  /** Cancels every run (by `close`; a later `resume` goes on with it), waits for what they started, and closes the store. */
  close(): Promise<void>;
}
