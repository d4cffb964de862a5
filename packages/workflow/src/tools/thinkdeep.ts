import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { grounded } from './checklist.ts';
import { text, texts } from './fields.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

/** Thinks a hard question through, against its own first answer. */
export const thinkdeep: Workflow = defineWorkflow({
  name: 'thinkdeep',
  version: 1,
  kind: 'workflow',
  description: 'Think a hard problem through: alternatives, objections, edge cases.',
  input: workflowInput({
    problem_context: text.optional().describe('Background and constraints'),
    focus_areas: texts.optional().describe('For example architecture, performance'),
  }),
  ...WORK_MODEL,
  defaultThinking: 'high',
  expert: true,
  tools: fileTools,
  systemPrompt: () =>
    workingPrompt('You think a hard question through.', [
      'Set out at least two real alternatives before you choose one.',
      'Attack your own conclusion: the strongest objection, the edge case, the wrong assumption.',
      'Separate what you saw, what follows from it, and what you assume.',
    ]),
  prompt: (input) =>
    taskPrompt(input, [
      ['Context', input.problem_context],
      ['Focus', input.focus_areas],
    ]),
  requirements: () => [
    grounded('grounds', 'what the conclusion rests on'),
    grounded('objection', 'where the strongest objection was looked for'),
  ],
  guide: stepGuide(['Set out the alternatives and what would decide between them.', 'Look for facts that decide it.']),
});
