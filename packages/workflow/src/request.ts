import { z } from 'zod';

import { Citation, CONFIDENCE, Issue, MAX_FINDINGS_CHARS, MAX_HYPOTHESIS_CHARS, MAX_LIST_ENTRIES } from './claim.ts';

/** Most characters of `step` and of `prompt`. */
export const MAX_STEP_CHARS = 100_000;

const paths = z.array(z.string().min(1).max(1_024)).max(MAX_LIST_ENTRIES);

/** Fields every tool accepts. */
export const commonFields = {
  model: z.string().max(200).optional().describe('Model id, for example glm-4.6'),
  provider: z.enum(['glm', 'kimi']).optional().describe('Which vendor answers'),
  temperature: z.number().min(0).max(1).optional(),
  thinking_mode: z.enum(['minimal', 'low', 'medium', 'high', 'max']).optional(),
  use_websearch: z.boolean().default(false).describe('Let the model search the web'),
  continuation_id: z.string().min(1).max(128).optional().describe('Continues an earlier conversation'),
  images: z.array(z.string().max(10_000_000)).max(20).optional().describe('URLs or data URLs'),
  simulate: z
    .object({ serviceMs: z.number().nonnegative() })
    .optional()
    .describe('Simulated providers only: total service time in ms'),
} as const;

/** Starts an engine-driven run: the model does the steps. */
export const promptField = {
  prompt: z.string().min(1).max(MAX_STEP_CHARS).optional().describe('The task. The engine does the steps.'),
} as const;

/** Fields of one caller-driven step: the caller does the work and reports it. */
export const stepFields = {
  step: z
    .string()
    .min(1)
    .max(MAX_STEP_CHARS)
    .optional()
    .describe('What was done in this step. The caller does the steps.'),
  step_number: z.number().int().min(1).optional(),
  total_steps: z.number().int().min(1).optional().describe('Estimate; advisory'),
  next_step_required: z.boolean().optional(),
  findings: z.string().max(MAX_FINDINGS_CHARS).optional(),
  confidence: z.enum(CONFIDENCE).optional(),
  hypothesis: z.string().max(MAX_HYPOTHESIS_CHARS).optional(),
  citations: z.array(Citation).max(MAX_LIST_ENTRIES).optional().describe('What the findings rest on, as file:line'),
  files_checked: paths.optional(),
  relevant_files: paths.optional(),
  relevant_context: z.array(z.string().max(1_024)).max(MAX_LIST_ENTRIES).optional(),
  issues_found: z.array(Issue).max(MAX_LIST_ENTRIES).optional(),
  backtrack_from_step: z.number().int().min(1).optional(),
  use_assistant_model: z.boolean().optional().describe('false: no review by a second model'),
} as const;

/** The input of a chat tool: the common fields, a required `prompt`, and the tool's own. Unknown fields are refused. */
export function chatInput<Own extends z.ZodRawShape>(own: Own) {
  return z.strictObject({
    ...commonFields,
    prompt: z.string().min(1).max(MAX_STEP_CHARS).describe('The message'),
    ...own,
  });
}

/**
 * The input of a workflow tool: common fields, `prompt` (engine-driven) or `step` with its companions (caller-driven),
 * and the tool's own. Exactly one of `prompt` and `step` must be given; with `step`, `step_number`,
 * `next_step_required` and `findings` must be too. Unknown fields are refused.
 */
export function workflowInput<Own extends z.ZodRawShape>(own: Own) {
  return z
    .strictObject({ ...commonFields, ...promptField, ...stepFields, ...own })
    .superRefine((input: Record<string, unknown>, context) => {
      const missing = missingFields(input);
      if (missing !== undefined) context.addIssue({ code: 'custom', message: missing });
    });
}

function missingFields(input: Record<string, unknown>): string | undefined {
  const engine = input['prompt'] !== undefined;
  const caller = input['step'] !== undefined;
  if (engine === caller) return 'give exactly one of prompt (the engine works) and step (you work)';
  if (engine) return undefined;
  const needed = ['step_number', 'next_step_required', 'findings'].filter((name) => input[name] === undefined);
  return needed.length === 0 ? undefined : `with step, ${needed.join(', ')} must be given`;
}
