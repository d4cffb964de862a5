import { z } from 'zod';

import { defineWorkflow, evidenceTool, type EvidenceTool, type Workflow, type WorkflowSpec } from '../src/index.ts';
import type { Reply } from '../src/testing/index.ts';

/** Files the test tool can look at. */
export const FILES: Readonly<Record<string, string>> = {
  'a.ts': 'export const total = (xs) => xs.reduce((a, b) => a + b);',
  'b.ts': 'total([]) // throws: reduce of empty array',
  'c.ts': 'unrelated',
};

/** A tool that shows a file of {@link FILES}. */
export const look: EvidenceTool = evidenceTool({
  name: 'look',
  description: 'Shows a file',
  parameters: z.object({ path: z.string() }),
  execute: ({ path }) => {
    const content = FILES[path];
    return content === undefined
      ? { content: `no file ${path}`, source: path, isError: true }
      : { content, source: path };
  },
});

/** A workflow with two requirements over {@link look}. */
export function investigation(change: Partial<WorkflowSpec<z.ZodType<{ prompt: string }>>> = {}): Workflow {
  return defineWorkflow({
    name: 'investigate',
    version: 1,
    description: 'Finds a cause',
    kind: 'workflow',
    input: z.object({
      prompt: z.string(),
      continuation_id: z.string().optional(),
      use_assistant_model: z.boolean().optional(),
    }) as z.ZodType<{ prompt: string }>,
    systemPrompt: () => 'Find the cause.',
    prompt: ({ prompt }) => prompt,
    requirements: () => [
      { id: 'symptom', description: 'where it shows' },
      { id: 'cause', description: 'where it starts' },
    ],
    tools: [look],
    ...change,
  });
}

/** One look at a file. */
export const looks = (...paths: string[]): Reply => ({
  toolCalls: paths.map((path) => ({ name: 'look', arguments: { path } })),
});

/** One report. */
export const reports = (claim: Record<string, unknown>): Reply => ({
  toolCalls: [
    { name: 'report_step', arguments: { findings: 'f', confidence: 'medium', next_step_required: true, ...claim } },
  ],
});

/** The report that ends a well-made run. */
export const done: Reply = reports({
  findings: 'reduce without a start value',
  confidence: 'certain',
  next_step_required: false,
  citations: [
    { requirement: 'symptom', source: 'b.ts', quote: 'throws' },
    { requirement: 'cause', source: 'a.ts', quote: 'reduce' },
  ],
});

/** The final answer. */
export const final: Reply = { text: 'The cause is in a.ts.' };
