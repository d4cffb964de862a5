import { z } from 'zod';

import type { Workflow } from './define-workflow.ts';
import type { ModelAsk, ModelRequest, ModelRole } from './model.ts';

/** The fields of an input that the engine itself reads; what a workflow does not have is absent. */
const RequestOptions = z.looseObject({
  model: z.string().optional(),
  provider: z.string().optional(),
  temperature: z.number().optional(),
  thinking_mode: z.enum(['minimal', 'low', 'medium', 'high', 'max']).optional(),
  use_websearch: z.boolean().optional(),
  continuation_id: z.string().optional(),
  use_assistant_model: z.boolean().optional(),
  prompt: z.string().optional(),
  step: z.string().optional(),
  simulate: z.object({ serviceMs: z.number() }).optional(),
});
type RequestOptions = z.infer<typeof RequestOptions>;

/** Reads the engine's own fields out of a parsed input. */
export function readOptions(input: unknown): RequestOptions {
  const parsed = RequestOptions.safeParse(input);
  return parsed.success ? parsed.data : {};
}

/** Which model an input asks for; the workflow's default model only with its own provider. */
export function toModelAsk(workflow: Workflow, input: unknown, role: ModelRole): ModelAsk {
  const options = readOptions(input);
  const provider = options.provider ?? (options.model === undefined ? workflow.defaultProvider : undefined);
  const fits = options.provider === undefined || options.provider === workflow.defaultProvider;
  const model = options.model ?? (fits ? workflow.defaultModel : undefined);
  return {
    tool: workflow.name,
    role,
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
  };
}

/** The settings of a request that follow from the input. `serviceMs` is this call's share of a simulated time. */
export function toSettings(workflow: Workflow, input: unknown, serviceMs?: number): Omit<ModelRequest, 'messages'> {
  const options = readOptions(input);
  const effort = options.thinking_mode ?? workflow.defaultThinking;
  return {
    ...(options.use_websearch === true ? { webSearch: true } : {}),
    ...(effort === undefined ? {} : { thinking: { effort } }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(workflow.maxOutputTokens === undefined ? {} : { maxOutputTokens: workflow.maxOutputTokens }),
    ...(serviceMs === undefined ? {} : { extra: { simulate: { serviceMs } } }),
  };
}
