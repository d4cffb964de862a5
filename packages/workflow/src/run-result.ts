import { coverageOf } from './coverage.ts';
import type { BoundWorkflow } from './define-workflow.ts';
import { reportedConfidence, type RunState } from './run-state.ts';
import type { RunResult, StopReason } from './stop-reason.ts';

/** What a result says of a run besides its state. */
export interface ResultParts {
  readonly runId: string;
  readonly bound: BoundWorkflow;
  readonly continuationId: string;
}

/** What a run in this state hands back when it ends for that reason. */
export function resultOf(state: RunState, stop: StopReason, { runId, bound, continuationId }: ResultParts): RunResult {
  const last = state.claims.at(-1);
  const reported = reportedConfidence(state);
  const { met, missing } = coverageOf(state, bound.requirements);
  return {
    runId,
    stop,
    text: bestText(state),
    ...(last === undefined ? {} : { output: last.claim }),
    confidence: { ...(reported === undefined ? {} : { reported }), p: last?.p ?? 0, n: last?.n ?? 0 },
    coverage: { met, missing },
    usage: state.spent,
    steps: state.steps,
    ...(state.sources.length === 0 ? {} : { sources: state.sources }),
    continuationId,
    ...(state.lastModel === undefined ? {} : { model: state.lastModel }),
  };
}

/** The final answer, else the last claim, else the last thing said. */
function bestText(state: RunState): string {
  if (state.finalText !== undefined && state.finalText.trim() !== '') return state.finalText;
  const findings = state.claims.at(-1)?.claim.findings;
  if (findings !== undefined && findings !== '') return findings;
  const last = state.turns.findLast((turn) => turn.kind === 'assistant' && turn.text.trim() !== '');
  return last?.kind === 'assistant' ? last.text : '';
}
