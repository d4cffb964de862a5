import { builtInWorkflows, PROFILE_TOOLS, TOOL_NAMES, toolSchemas, type Profile } from '@exai/workflow';

import type { Tool } from '../calls/tool.ts';
import { toInputSchema } from '../views/tool-schema.ts';

/** A tool as MCP lists it. */
export interface ListedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: ObjectSchema;
  readonly outputSchema: ObjectSchema;
}

type ObjectSchema = Readonly<Record<string, unknown>> & { readonly type: 'object' };

/**
 * Structured result of every tool. What a run adds (steps, confidence, sources …) is not listed: listing costs a client tokens
 * in every prompt. An error has `code`, and `retryAfterMs` where waiting helps.
 */
const OUTPUT: ObjectSchema = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    stop: { type: 'object', properties: { kind: { type: 'string' } }, required: ['kind'] },
    continuation_id: { type: 'string' },
    code: { type: 'string' },
    retryAfterMs: { type: 'number' },
  },
  required: ['text'],
};

/**
 * The tools of a profile, always in the same order: the built-in ones, then those added to the server. `lean` lists the five
 * asked for first, `standard` all, `full` all with the fields of caller-driven steps. What is not listed can still be called.
 */
export function listTools(profile: Profile, added: Iterable<Tool> = []): ListedTool[] {
  const names = profile === 'lean' ? PROFILE_TOOLS.lean : TOOL_NAMES;
  const builtIn = names.map((name) => {
    const { description, inputSchema } = toolSchemas(builtInWorkflows[name], profile);
    return { name, description, inputSchema: asObject(inputSchema), outputSchema: OUTPUT };
  });
  const others = [...added].filter(
    ({ name, listedIn = profile }) => listedIn === profile && !Object.hasOwn(builtInWorkflows, name),
  );
  return [
    ...builtIn,
    ...others.map(({ name, description, input }) => ({
      name,
      description,
      inputSchema: asObject(toInputSchema(input)),
      outputSchema: OUTPUT,
    })),
  ];
}

function asObject(schema: Readonly<Record<string, unknown>>): ObjectSchema {
  return { ...schema, type: 'object' };
}
