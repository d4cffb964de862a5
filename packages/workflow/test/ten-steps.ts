import { appendFileSync } from 'node:fs';

import type { Workflow } from '../src/index.ts';
import { scriptedModel, type ScriptedModel } from '../src/testing/index.ts';
import { partAnswer, partSteps } from './part-steps.ts';

/** Steps of the agent, the last one being the report of the end. */
export const STEPS = 10;

/** A workflow whose tool has a side effect: one line per execution, through `note`. */
export function tenSteps(note: (line: string) => void): Workflow {
  return partSteps({ name: 'ten-steps', description: 'Ten steps', steps: STEPS, note });
}

/** The agent: what it does next follows from how many answers it has already given. */
export function tenStepModel(note: (line: string) => void): ScriptedModel {
  return scriptedModel(({ request }) => {
    const step = request.messages.filter(({ role }) => role === 'assistant').length + 1;
    note(`model ${request.tools === undefined ? 'final' : step}`);
    if (request.tools === undefined) return { text: 'all done' };
    return partAnswer(step, STEPS);
  });
}

/** A note taker that survives a kill: each line is on its way to the disk before the call returns. */
export function fileNotes(path: string): (line: string) => void {
  return (line) => appendFileSync(path, `${line}\n`);
}
