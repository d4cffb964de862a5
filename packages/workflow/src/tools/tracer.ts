import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { text } from './fields.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

const MODE = {
  precision:
    'Trace the flow of calls: entry, each call in order with its place, side effects, where it returns or fails.',
  dependencies: 'Trace dependencies: what the target uses, what uses it, in both directions.',
  ask: 'Decide from the target whether a flow of calls or a map of dependencies serves better, and say which you chose.',
} as const;

/** Traces a call flow or dependencies. */
export const tracer: Workflow = defineWorkflow({
  name: 'tracer',
  version: 1,
  kind: 'workflow',
  description: 'Trace a call flow or the dependencies of a piece of code.',
  input: workflowInput({
    trace_mode: z.enum(['precision', 'dependencies', 'ask']).default('ask'),
    target_description: text.optional().describe('What to trace and why'),
  }),
  ...WORK_MODEL,
  tools: fileTools,
  systemPrompt: (input) =>
    workingPrompt('You trace code.', [
      MODE[input.trace_mode],
      'Every link of the trace is a place you saw. Mark a link that you only infer.',
    ]),
  prompt: (input) => taskPrompt(input, [['Target', input.target_description]]),
  requirements: () => [
    shown('entry', 'where the traced code is defined'),
    shown('links', 'at least two places it leads to or is reached from', 2),
  ],
  guide: stepGuide(['Find where the target is defined.', 'Follow each call or import to the next place.']),
});
