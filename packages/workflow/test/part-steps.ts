import { z } from 'zod';

import { defineWorkflow, evidenceTool, type Workflow } from '../src/index.ts';

/** What makes one workflow of parts differ from another. */
export interface PartSteps {
  readonly name: string;
  readonly description: string;
  /** Steps of the agent, the last one being the report of the end. */
  readonly steps: number;
  /** Gets one line per execution of the tool. */
  readonly note: (line: string) => void;
}

/** A workflow whose tool has a side effect, once per part. */
export function partSteps({ name, description, steps, note }: PartSteps): Workflow {
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
    name,
    version: 1,
    description,
    kind: 'workflow',
    input: z.object({ prompt: z.string() }),
    systemPrompt: () => 'Do it.',
    prompt: ({ prompt }) => prompt,
    requirements: () => [{ id: 'all', description: 'all parts', cites: steps - 1 }],
    tools: [act],
  });
}

/** The agent's answer in a step: another part, or the report that cites them all. */
export function partAnswer(step: number, steps: number) {
  if (step < steps) return { toolCalls: [{ name: 'act', arguments: { part: step } }] };
  const citations = Array.from({ length: steps - 1 }, (_, index) => ({
    requirement: 'all',
    source: `part${index + 1}`,
  }));
  const report = { findings: 'all parts', confidence: 'certain', next_step_required: false, citations };
  return { toolCalls: [{ name: 'report_step', arguments: report }] };
}
