import type { Confidence } from './claim.ts';
import type { Coverage, RunResult, StopReason } from './stop-reason.ts';

/** What a caller-driven step gets back: go on like this, or the end. */
export interface StepInstruction {
  readonly status: 'continue' | 'finished';
  readonly runId: string;
  /** To be sent with the next step. */
  readonly continuationId: string;
  /** Number of this step, counted by the engine. */
  readonly step: number;
  readonly nextStepRequired: boolean;
  /** What to do before the next step. Empty at the end. */
  readonly requiredActions: readonly string[];
  readonly coverage: Coverage;
  readonly confidence: { readonly reported: Confidence; readonly p: number; readonly n: number };
  /** Citations that were refused, with the reason. */
  readonly refusedCitations: readonly { readonly source: string; readonly reason: string }[];
  /** What the reviewer said, when one was asked. */
  readonly expert?: { readonly ok: boolean | 'unknown'; readonly text: string; readonly gaps: readonly string[] };
  /** At the end. */
  readonly stop?: StopReason;
  readonly result?: RunResult;
}
