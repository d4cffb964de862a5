/** One rung of what is done about a run that makes no progress. */
export type LadderRung = 'nudge' | 'escalate' | 'ask' | 'stop';

/** When a run ends. Every count is in steps, that is model turns of the agent. */
export interface TerminationPolicy {
  /**
   * `evidence`: claims are checked and the run ends when the evidence suffices, when nothing new comes, or at a budget.
   * `literal`: ends at a confidence of `very_high` or more, or at `next_step_required: false`, unchecked.
   *
   * @defaultValue 'evidence'
   */
  readonly mode: 'evidence' | 'literal';
  /** Hard limit against endless runs, counted over all resumes. @defaultValue 50 */
  readonly safetyLimit: number;
  /** Requests to close named gaps before a claim of being done is taken as it is. @defaultValue 2 */
  readonly verifyNudges: number;
  /** Steps without anything new, with all requirements met, before the model is asked to finish. @defaultValue 2 */
  readonly wrapUpAfter: number;
  /** Longest cycle looked for. @defaultValue 6 */
  readonly cycles: number;
  /** Identical rounds that make a loop. @defaultValue 3 */
  readonly repeats: number;
  /** Rounds with different questions and the same answer that make a stagnation. @defaultValue 4 */
  readonly stagnation: number;
  /** Rounds with the same error that make an error streak. @defaultValue 3 */
  readonly errors: number;
  /** Turns of talk, without a tool call or a claim, that make a monologue. @defaultValue 3 */
  readonly monologue: number;
  /** Steps without new evidence that make a stall. @defaultValue 7 */
  readonly stall: number;
  /** What is done at the first, second, … sign of no progress; the last rung is repeated. @defaultValue nudge, escalate, stop */
  readonly ladder: readonly LadderRung[];
  /** Repairs of an unreadable claim. @defaultValue 2 */
  readonly repairs: number;
  /** Below this calibrated probability a reviewer model is asked. @defaultValue 0.8 */
  readonly expertBelow: number;
}

/** The defaults of {@link TerminationPolicy}. */
export const DEFAULT_TERMINATION: TerminationPolicy = {
  mode: 'evidence',
  safetyLimit: 50,
  verifyNudges: 2,
  wrapUpAfter: 2,
  cycles: 6,
  repeats: 3,
  stagnation: 4,
  errors: 3,
  monologue: 3,
  stall: 7,
  ladder: ['nudge', 'escalate', 'stop'],
  repairs: 2,
  expertBelow: 0.8,
};
