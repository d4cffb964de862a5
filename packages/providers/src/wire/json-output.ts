import type { ChatRequest } from '../chat/chat-model.ts';

/** The instruction that asks for JSON of a schema where the provider itself takes none. */
export function jsonInstruction(output: ChatRequest['output']): string | undefined {
  if (output?.type !== 'json') return undefined;
  const schema =
    output.schema === undefined ? '' : ` that conforms to this JSON Schema:\n${JSON.stringify(output.schema)}`;
  return `Answer with a single JSON value and nothing else${schema === '' ? '.' : schema}`;
}
