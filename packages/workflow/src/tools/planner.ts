import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { grounded } from './checklist.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

const stepNumber = z.number().int().min(1);

/** Breaks a task down into steps that can be checked. */
export const planner: Workflow = defineWorkflow({
  name: 'planner',
  version: 1,
  kind: 'workflow',
  description: 'Plan a task in steps, with branches and revisions.',
  input: workflowInput({
    is_step_revision: z.boolean().optional(),
    revises_step_number: stepNumber.optional(),
    is_branch_point: z.boolean().optional(),
    branch_from_step: stepNumber.optional(),
    branch_id: z.string().max(200).optional(),
    more_steps_needed: z.boolean().optional(),
  }).superRefine((input, context) => {
    for (const [flag, companion] of COMPANIONS) {
      if (input[flag] === true && input[companion] === undefined) {
        context.addIssue({ code: 'custom', path: [companion], message: `must be given with ${flag}` });
      }
    }
  }),
  ...WORK_MODEL,
  tools: fileTools,
  systemPrompt: () =>
    workingPrompt('You plan work.', [
      'Steps are small, ordered by what they depend on, and each says how one sees that it is done.',
      'Look at what exists before you plan to change it; name the files a step touches.',
      'Where two ways are open, branch: say what decides between them.',
      'End with the risks and the first thing to do.',
    ]),
  prompt: (input) => taskPrompt(input),
  requirements: () => [grounded('ground', 'what exists already and is touched by the plan')],
  guide: ({ input, ...context }) => [
    ...revision(input),
    ...stepGuide(['State the goal, the limits and what is unknown.', 'Draft the steps in order of dependency.'])({
      input,
      ...context,
    }),
  ],
});

const COMPANIONS = [
  ['is_step_revision', 'revises_step_number'],
  ['is_branch_point', 'branch_from_step'],
] as const;

const Moves = z.object({
  revises_step_number: z.number().optional(),
  branch_from_step: z.number().optional(),
  branch_id: z.string().optional(),
  more_steps_needed: z.boolean().optional(),
});

/** What a revision or a branch means for the next step. */
function revision(input: unknown): string[] {
  const moves = Moves.safeParse(input).data;
  if (moves === undefined) return [];
  return [
    ...(moves.revises_step_number === undefined
      ? []
      : [`Step ${moves.revises_step_number} is replaced; check the later steps against it.`]),
    ...(moves.branch_from_step === undefined
      ? []
      : [
          `Follow branch ${moves.branch_id ?? 'new'} from step ${moves.branch_from_step}; say what decides for or against it.`,
        ]),
    ...(moves.more_steps_needed === true ? ['Say which further steps are needed and why.'] : []),
  ];
}
