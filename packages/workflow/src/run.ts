import type { RunEvent } from './run-events.ts';
import type { RunResult } from './stop-reason.ts';

/** A run under way, or one that has ended. Iterating shows its events from the first one on; leaving the loop does not cancel. */
export interface Run extends AsyncIterable<RunEvent> {
  readonly runId: string;
  /**
   * How it ended. Never rejects for a stop, whatever the reason; rejects with `WorkflowError` only when nothing was
   * started (`UNKNOWN_CONTINUATION`, `CONFLICT`, `RUN_NOT_FOUND` …) or the journal failed (`STORE_FAILED`, `FENCED`).
   */
  readonly result: Promise<RunResult>;
  /** Events from a `seq` on: what is in the journal, then what comes. Only deltas and model events may be missing. */
  events(options?: { readonly fromSeq?: number }): AsyncIterable<RunEvent>;
  /** Ends the run with `canceled` and resolves when everything it started has settled. */
  cancel(by?: string): Promise<void>;
}
