import { z } from 'zod';

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
