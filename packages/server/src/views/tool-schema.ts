import { z } from 'zod';

/** The JSON Schema of a tool's arguments, as a client may send them. */
export function toInputSchema(input: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  return schema;
}
