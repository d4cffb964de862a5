import { appendFileSync } from 'node:fs';

import { z } from 'zod';

import { defineWorkflow, evidenceTool, type Workflow } from '../src/index.ts';
import { scriptedModel, type ScriptedModel } from '../src/testing/index.ts';

/** Steps of the agent, the last one being the report of the end. */
export const STEPS = 10;

/** A workflow whose tool has a side effect: one line per execution, through `note`. */
export function tenSteps(note: (line: string) => void): Workflow {
  const act = evidenceTool({
    name: 'act',
    description: 'Does one thing',
    parameters: z.object({ part: z.number() }),
    sideEffect: true,
    onUnknown: 'retry',
    execute: ({ part }, { idempotencyKey }) => {
      note(`act ${part} ${idempotencyKey}`);
      return { content: `done ${part}`, source: `part${part}` };
    },
  });
  return defineWorkflow({
    name: 'ten-steps',
    version: 1,
    description: 'Ten steps',
    kind: 'workflow',
    input: z.object({ prompt: z.string() }),
    systemPrompt: () => 'Do it.',
    prompt: ({ prompt }) => prompt,
    requirements: () => [{ id: 'all', description: 'all parts', cites: STEPS - 1 }],
    tools: [act],
  });
}

/** The agent: what it does next follows from how many answers it has already given. */
export function tenStepModel(note: (line: string) => void): ScriptedModel {
  return scriptedModel(({ request }) => {
    const step = request.messages.filter(({ role }) => role === 'assistant').length + 1;
    note(`model ${request.tools === undefined ? 'final' : step}`);
    if (request.tools === undefined) return { text: 'all done' };
    if (step < STEPS) return { toolCalls: [{ name: 'act', arguments: { part: step } }] };
    const citations = Array.from({ length: STEPS - 1 }, (_, index) => ({
      requirement: 'all',
      source: `part${index + 1}`,
    }));
    return {
      toolCalls: [
        {
          name: 'report_step',
          arguments: { findings: 'all parts', confidence: 'certain', next_step_required: false, citations },
        },
      ],
    };
  });
}

/** A note taker that survives a kill: each line is on its way to the disk before the call returns. */
export function fileNotes(path: string): (line: string) => void {
  return (line) => appendFileSync(path, `${line}\n`);
}
