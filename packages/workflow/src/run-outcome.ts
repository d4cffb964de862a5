import type { Outcome } from './calibration.ts';
import type { RunState } from './run-state.ts';

/** What the calibration learns from a run whose last claim turned out so; nothing when it made none. */
export function outcomeOf(state: RunState, ok: boolean, weight: number): Outcome | undefined {
  const claim = state.claims.at(-1)?.claim;
  const tool = state.start?.workflow;
  if (claim === undefined || tool === undefined) return undefined;
  return { tool, model: state.lastModel ?? '', level: claim.confidence, ok, weight };
}
