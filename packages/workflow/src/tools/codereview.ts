import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { evidenceTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { severityFilter, severityRule, text } from './fields.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

const DEPTH = {
  full: 'correctness, safety, performance, readability',
  security: 'security only',
  performance: 'performance only',
  quick: 'correctness only, the most likely faults first',
} as const;

/** Reviews code and grades what it finds. */
export const codereview: Workflow = defineWorkflow({
  name: 'codereview',
  version: 1,
  kind: 'workflow',
  description: 'Review code; issues graded by severity, each with its place.',
  input: workflowInput({
    review_type: z.enum(['full', 'security', 'performance', 'quick']).default('full'),
    focus_on: text.optional(),
    standards: text.optional().describe('Coding standards to hold it to'),
    severity_filter: severityFilter,
  }),
  ...WORK_MODEL,
  expert: true,
  tools: evidenceTools,
  systemPrompt: (input) =>
    workingPrompt(`You review code: ${DEPTH[input.review_type]}.`, [
      'For each issue: severity (critical, high, medium, low), place, what goes wrong for whom, and the change.',
      'Report what you can show. A style preference is no issue.',
      'If the code is sound, say so; do not invent issues.',
    ]),
  prompt: (input) =>
    taskPrompt(input, [
      ['Focus', input.focus_on],
      ['Standards', input.standards],
      ['Report', severityRule(input.severity_filter)],
    ]),
  requirements: () => [
    shown('coverage', 'the code under review, read in at least two places', 2),
    shown('verdict', 'the place behind the most serious issue, or behind the judgement that there is none'),
  ],
  guide: stepGuide(['Read the code under review and what it is called by.', 'List suspected issues with their place.']),
});
