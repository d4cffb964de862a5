import type { RunState } from './run-state.ts';
import type { StopReason } from './stop-reason.ts';
import type { TerminationPolicy } from './termination-policy.ts';

/** Upper estimates of what the next call and the final answer use. */
export interface Estimate {
  readonly tokens: number;
  /** Tokens kept back for the final answer. */
  readonly finalTokens: number;
  /** USD of both together; absent when the price is not known. */
  readonly usd?: number;
}

/** A mean call may take this much longer before the deadline is in danger. */
const TIME_MARGIN = 1.5;
/** Share of the whole time kept back for the final answer at most. */
const MAX_TIME_SHARE = 0.2;

/** The limit that forbids another step, if any: everything is reserved before the call, the final answer included. */
export function limitReached(
  state: RunState,
  policy: TerminationPolicy,
  estimate: Estimate,
  at: number,
): StopReason | undefined {
  if (state.deadlineAt !== undefined && at + timeForFinal(state, state.deadlineAt) >= state.deadlineAt) {
    return { kind: 'deadline' };
  }
  const unit = budgetReached(state, estimate);
  if (unit !== undefined) return { kind: 'budget', unit };
  const limit = policy.safetyLimit + state.grantedSteps;
  return state.steps >= limit ? { kind: 'safety_limit', limit } : undefined;
}

/** Milliseconds kept back: one slow call, but never more than a fifth of the run. */
function timeForFinal(state: RunState, deadlineAt: number): number {
  const calls = Math.max(1, state.spent.calls);
  return Math.min((state.callMs / calls) * TIME_MARGIN, (deadlineAt - state.startedAt) * MAX_TIME_SHARE);
}

function budgetReached({ budget, spent }: RunState, estimate: Estimate): 'usd' | 'tokens' | undefined {
  const wanted = estimate.tokens + estimate.finalTokens;
  if (budget.tokens !== undefined && spent.totalTokens + wanted > budget.tokens) return 'tokens';
  if (budget.usd === undefined) return undefined;
  if (estimate.usd === undefined) return budget.onUnknownPrice === 'warn' ? undefined : 'usd';
  return spent.costUsd + estimate.usd > budget.usd ? 'usd' : undefined;
}

/** Whether the final answer itself still fits. */
export function finalFits(state: RunState, estimate: Estimate, at: number): boolean {
  if (state.deadlineAt !== undefined && at >= state.deadlineAt) return false;
  const { tokens, usd } = state.budget;
  if (tokens !== undefined && state.spent.totalTokens + estimate.finalTokens > tokens) return false;
  return usd === undefined || state.spent.costUsd < usd;
}
