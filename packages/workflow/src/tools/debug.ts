import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { WORK_MODEL } from './models.ts';
import { requireOnFirstStep } from './require-on-first-step.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

/** Searches for the root cause of a failure. */
export const debug: Workflow = defineWorkflow({
  name: 'debug',
  version: 1,
  kind: 'workflow',
  description: 'Find the root cause of a bug, with cited evidence.',
  input: workflowInput({}).superRefine(requireOnFirstStep('relevant_files')),
  ...WORK_MODEL,
  expert: true,
  tools: fileTools,
  systemPrompt: () =>
    workingPrompt('You find the root cause of a failure.', [
      'Follow the failing behaviour from where it shows to where it starts.',
      'Keep one hypothesis at a time; look for what would refute it before you raise your confidence.',
      'The cause is a line and a reason. The fix is the smallest change that removes the cause, not the symptom.',
      'If the code is sound and the report rests on a misunderstanding, say that.',
    ]),
  prompt: (input) => taskPrompt(input),
  requirements: () => [
    shown('symptom', 'the code that shows the failing behaviour'),
    shown('root_cause', 'the line that causes it, and why'),
    shown('fix', 'the place to change, and the change'),
  ],
  guide: stepGuide([
    'Read the code on the way from the symptom to its source; do not change anything yet.',
    'State a hypothesis and what would refute it.',
  ]),
});
