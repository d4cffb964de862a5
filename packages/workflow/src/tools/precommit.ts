import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { evidenceTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { severityFilter, severityRule, text } from './fields.ts';
import { WORK_MODEL } from './models.ts';
import { requireOnFirstStep } from './require-on-first-step.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

/** Checks a change before it is committed. */
export const precommit: Workflow = defineWorkflow({
  name: 'precommit',
  version: 1,
  kind: 'workflow',
  description: 'Check uncommitted changes before a commit.',
  input: workflowInput({
    path: z.string().min(1).max(1_024).optional().describe('Repository or folder'),
    compare_to: z.string().max(200).optional().describe('Branch or commit; default: uncommitted changes'),
    include_staged: z.boolean().default(true),
    include_unstaged: z.boolean().default(true),
    focus_on: text.optional(),
    severity_filter: severityFilter,
  })
    .superRefine(requireOnFirstStep('path'))
    .superRefine((input, context) => {
      if (input.compare_to === undefined && !input.include_staged && !input.include_unstaged) {
        context.addIssue({
          code: 'custom',
          message: 'nothing to check: staged and unstaged changes are both left out',
        });
      }
    }),
  ...WORK_MODEL,
  expert: true,
  tools: evidenceTools,
  systemPrompt: () =>
    workingPrompt('You check a change before it is committed.', [
      'Read the diff first (git_diff), then the code around it and what depends on it.',
      'Ask: does it do what it is meant to, what does it break, what is missing (tests, docs, migration), what must not be committed.',
      'For each issue: severity, place, and what to do. End with: commit, or do not commit because …',
    ]),
  prompt: (input) =>
    taskPrompt(input, [
      ['Path', input.path],
      ['Changes', changes(input)],
      ['Focus', input.focus_on],
      ['Report', severityRule(input.severity_filter)],
    ]),
  requirements: () => [
    shown('change', 'the changed lines'),
    shown('effect', 'code that the change touches or that depends on it'),
  ],
  guide: stepGuide(['Read the whole diff and the intent behind it.', 'Look for what depends on the changed code.']),
});

function changes(input: {
  compare_to?: string | undefined;
  include_staged: boolean;
  include_unstaged: boolean;
}): string {
  if (input.compare_to !== undefined) return `compared with ${input.compare_to}`;
  return [...(input.include_staged ? ['staged'] : []), ...(input.include_unstaged ? ['unstaged'] : [])].join(' and ');
}
