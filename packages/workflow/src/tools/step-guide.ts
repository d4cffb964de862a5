import { isSure } from '../claim.ts';
import type { GuideContext } from '../define-workflow.ts';

/**
 * Makes the instructions of caller-driven steps: first how to begin, later what is still open, at last how to end.
 * The caller works with its own tools.
 */
export function stepGuide(begin: readonly string[]): (context: GuideContext) => readonly string[] {
  return ({ step, claim, gaps }) => {
    const open = gaps.map((gap) => `Show ${gap.id}: ${gap.description}. Cite the place as file:line.`);
    if (step === 1) return [...begin, ...open];
    if (open.length > 0) return [...open, 'Say what speaks against the current explanation.'];
    if (isSure(claim.confidence)) return ['Everything is backed: send a last step with next_step_required false.'];
    return [
      'Test the current explanation against one case that could refute it.',
      'Raise the confidence only for a reason.',
    ];
  };
}
