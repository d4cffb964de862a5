import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { paths, texts } from './fields.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

const AIM = {
  codesmells: 'find what makes the code hard to change',
  decompose: 'split what does too much',
  modernize: 'use what the language and its libraries offer today',
  organization: 'put things where a reader looks for them',
} as const;

/** Finds refactorings worth doing. */
export const refactor: Workflow = defineWorkflow({
  name: 'refactor',
  version: 1,
  kind: 'workflow',
  description: 'Find refactorings worth doing, in a safe order.',
  input: workflowInput({
    refactor_type: z.enum(['codesmells', 'decompose', 'modernize', 'organization']).default('codesmells'),
    focus_areas: texts.optional(),
    style_guide_examples: paths.optional().describe('Files that show the wanted style'),
  }),
  ...WORK_MODEL,
  expert: true,
  tools: fileTools,
  systemPrompt: (input) =>
    workingPrompt(`You plan refactorings: ${AIM[input.refactor_type]}.`, [
      'Behaviour stays the same. Say what proves it.',
      'For each: place, what it costs to leave it, the change, and what it depends on.',
      'Put the ones with most value for least risk first; leave out the rest.',
    ]),
  prompt: (input) =>
    taskPrompt(input, [
      ['Focus', input.focus_areas],
      ['Style examples', input.style_guide_examples],
    ]),
  requirements: () => [
    shown('opportunity', 'the code to change first'),
    shown('callers', 'code that depends on it, or the lines that show there is none'),
  ],
  guide: stepGuide(['Read the code and who calls it.', 'List opportunities with their place and cost.']),
});
