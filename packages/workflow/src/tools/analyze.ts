import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

const ANGLE = {
  architecture: 'parts, boundaries, who knows whom',
  performance: 'hot paths, needless work, growth with input',
  security: 'trust boundaries, input handling, secrets',
  quality: 'clarity, duplication, error handling, tests',
  general: 'structure, risks, what to change first',
} as const;

const FORMAT = {
  summary: 'a summary of at most ten lines',
  detailed: 'a detailed report by topic',
  actionable: 'a list of changes, most valuable first, each with its place',
} as const;

/** Assesses a code base from one angle. */
export const analyze: Workflow = defineWorkflow({
  name: 'analyze',
  version: 1,
  kind: 'workflow',
  description: 'Assess code: architecture, performance, security or quality.',
  input: workflowInput({
    analysis_type: z.enum(['architecture', 'performance', 'security', 'quality', 'general']).default('general'),
    output_format: z.enum(['summary', 'detailed', 'actionable']).default('detailed'),
  }),
  ...WORK_MODEL,
  expert: true,
  tools: fileTools,
  systemPrompt: (input) =>
    workingPrompt(`You assess a code base: ${ANGLE[input.analysis_type]}.`, [
      'Understand what the code is for before you judge it.',
      'Prefer few observations that matter over many that do not.',
      `Hand over ${FORMAT[input.output_format]}.`,
    ]),
  prompt: (input) => taskPrompt(input),
  requirements: () => [
    shown('structure', 'the main parts and how they fit, seen in at least two places', 2),
    shown('assessment', 'the code behind the most important judgement'),
  ],
  guide: stepGuide(['Map the parts and their dependencies.', 'Read the parts that matter for the question.']),
});
