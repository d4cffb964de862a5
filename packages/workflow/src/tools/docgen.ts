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

const count = z.number().int().min(0);

const guide = stepGuide(['List the files to document.', 'Document one file completely, then report it.']);

const Progress = z.object({ num_files_documented: count.optional(), total_files_to_document: count.optional() });

/** How many files are left. */
function progress(input: unknown): string[] {
  const { num_files_documented: done, total_files_to_document: total } = Progress.safeParse(input).data ?? {};
  if (done === undefined || total === undefined) return [];
  return [
    done < total ? `${total - done} of ${total} files are left; go on with the next.` : 'All files are documented.',
  ];
}

/** Writes documentation comments for code. */
export const docgen: Workflow = defineWorkflow({
  name: 'docgen',
  version: 1,
  kind: 'workflow',
  description: 'Write documentation comments for code.',
  input: workflowInput({
    document_complexity: z.boolean().default(true).describe('Say how cost grows with input'),
    document_flow: z.boolean().default(true).describe('Say what calls what'),
    update_existing: z.boolean().default(true).describe('Also correct comments that exist'),
    comments_on_complex_logic: z.boolean().default(true).describe('Also comment inside hard code'),
    num_files_documented: count.optional(),
    total_files_to_document: count.optional(),
  }).superRefine((input, context) => {
    if ((input.num_files_documented ?? 0) > (input.total_files_to_document ?? Number.POSITIVE_INFINITY)) {
      context.addIssue({ code: 'custom', path: ['num_files_documented'], message: 'exceeds total_files_to_document' });
    }
  }),
  ...WORK_MODEL,
  tools: fileTools,
  systemPrompt: (input) =>
    workingPrompt('You write documentation comments in the style of the language and the project.', [
      'Say what a caller cannot see from the signature: units, defaults, errors, side effects. Never repeat the name.',
      ...(input.document_complexity ? ['Say how time and memory grow with the input where it matters.'] : []),
      ...(input.document_flow ? ['Say what calls it and what it calls where that is not obvious.'] : []),
      input.update_existing ? 'Correct comments that no longer fit.' : 'Leave existing comments as they are.',
      ...(input.comments_on_complex_logic ? ['Comment hard code with why, not what.'] : []),
      'Report bugs you come across; do not fix them.',
    ]),
  prompt: (input) => taskPrompt(input),
  requirements: () => [
    shown('subject', 'the code that is documented'),
    shown('behaviour', 'the lines a described behaviour rests on'),
  ],
  guide: (context) => [...progress(context.input), ...guide(context)],
});
