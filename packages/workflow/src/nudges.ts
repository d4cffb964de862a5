import { CONFIDENCE, REPORT_STEP } from './claim.ts';
import type { Requirement } from './define-workflow.ts';
import type { Detection } from './detect-no-progress.ts';
import type { Round } from './run-state.ts';

/** How the model is told to work; part of the first message of a run with steps. */
export function workingOrder(requirements: readonly Requirement[]): string {
  const checklist = requirements.map(({ id, description }) => `- ${id}: ${description}`);
  return [
    `Work in steps. After each step call ${REPORT_STEP} with what you know: findings, confidence`,
    `(${CONFIDENCE.join(' < ')}), next_step_required, and citations of what you saw as {source, quote}.`,
    ...(checklist.length === 0
      ? ['The work is done when the answer rests on what you saw.']
      : ['The work is done when each of these is cited as {requirement, source, quote}:', ...checklist]),
  ].join('\n');
}

/** Asks to close named gaps. */
export function verifyText(gaps: readonly string[], requirements: readonly Requirement[]): string {
  const open = gaps.map((gap) => {
    const found = requirements.find(({ id }) => id === gap);
    return found === undefined ? `- ${gap}` : `- ${gap}: ${found.description}`;
  });
  return [
    'Not finished: these are not backed by anything you saw yet.',
    ...open,
    'Look, then cite {requirement, source, quote}.',
  ].join('\n');
}

/** Asks what an answer rests on, when there is no checklist to name gaps. */
export function groundsText(valid: number): string {
  const lead =
    valid === 0 ? 'Nothing you cited was seen in this run.' : 'Before this counts as finished: re-read the task.';
  return `${lead} Check each part of the task against something you saw, cite it as {source, quote}, and go on if a part is open.`;
}

/** Asks for the end, when everything is there or nothing new comes. */
export function wrapUpText(): string {
  return `Nothing new has come. If the work is finished, call ${REPORT_STEP} with next_step_required false; else say exactly what is missing and look for that.`;
}

/** Asks for a claim. */
export function claimText(): string {
  return `Call ${REPORT_STEP} with findings, confidence, next_step_required and citations, or use a tool to go on.`;
}

/** Asks for a readable claim. */
export function repairText(error: string): string {
  return `Your report could not be read: ${error}. Send it again as a call of ${REPORT_STEP}.`;
}

/** Asks for another way, and shows what was tried. */
export function strategyText(detection: Detection, rounds: readonly Round[]): string {
  const tried = [...new Set(rounds.slice(-6).flatMap((round) => round.calls.map(({ name }) => name)))];
  const steps = `since step ${detection.since}`;
  return [
    `${WHAT[detection.detector]} ${steps}.${tried.length === 0 ? '' : ` Used: ${tried.join(', ')}.`}`,
    'Do not repeat it. Say what you expected and what came instead, then look somewhere else or in another way;',
    `or, if it cannot be settled, call ${REPORT_STEP} with next_step_required false and say why.`,
  ].join('\n');
}

const WHAT = {
  cycle: 'The same calls with the same answers repeat',
  near_dup: 'Nearly the same calls with nearly the same answers repeat',
  stagnation: 'Different questions get the same answer',
  error: 'The same error repeats',
  monologue: 'There was neither a look at anything nor a new finding',
  stall: 'Nothing new has been seen',
  unsupported: 'Nothing cited was seen',
} as const;
