import type { Usage } from '../chat/usage.ts';
import { at, isRecord, listOf, numberOf, textOf } from '../json-value.ts';
import type { Delta } from './delta.ts';

/**
 * Reads one chunk of an OpenAI-like stream, or a whole non-streamed answer, as tolerantly as it can without guessing:
 * missing, null or empty `choices`, content as text or as parts, tool calls without index, usage in any of its places.
 */
export function readChunk(chunk: unknown): Delta[] {
  if (!isRecord(chunk)) return [{ type: 'error', body: chunk }];
  if (isErrorBody(chunk)) return [{ type: 'error', body: chunk }];
  const out: Delta[] = [];
  const model = chunk['model'];
  if (typeof model === 'string' && model !== '') out.push({ type: 'model', model });
  const choices = chunk['choices'];
  const choice = Array.isArray(choices) ? (choices[0] as unknown) : undefined;
  let finish: string | undefined;
  if (isRecord(choice)) {
    readMessage(choice['delta'] ?? choice['message'], out);
    finish = textOf(choice['finish_reason']);
  }
  const usage = toUsage(chunk['usage']) ?? toUsage(at(choice, 'usage')) ?? toUsage(at(choice, 'delta', 'usage'));
  if (usage !== undefined) out.push({ type: 'usage', usage });
  if (finish !== undefined) out.push({ type: 'finish', reason: finish });
  return out;
}

/** True for a body that reports an error, in any of the forms seen, whatever its HTTP status. */
export function isErrorBody(body: Readonly<Record<string, unknown>>): boolean {
  const error = body['error'];
  if (error !== undefined && error !== null && error !== false) return true;
  if (body['type'] === 'error' || body['success'] === false) return true;
  return !('choices' in body) && !('usage' in body) && ('code' in body || 'msg' in body);
}

function readMessage(message: unknown, out: Delta[]): void {
  if (!isRecord(message)) return;
  const reasoning = message['reasoning_content'] ?? message['reasoning'];
  if (typeof reasoning === 'string' && reasoning !== '') out.push({ type: 'reasoning', delta: reasoning });
  const text = contentText(message['content']);
  if (text !== '') out.push({ type: 'text', delta: text });
  for (const call of listOf(message['tool_calls'])) readToolCall(call, out);
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => (typeof part === 'string' ? part : (textOf(at(part, 'text')) ?? ''))).join('');
}

function readToolCall(call: unknown, out: Delta[]): void {
  if (!isRecord(call)) return;
  const type = call['type'];
  // Calls the provider made and answered itself, such as GLM's `mcp` entries, are not for the caller to run.
  if (typeof type === 'string' && type !== '' && type !== 'function' && type !== 'builtin_function') return;
  const named = call['function'];
  out.push({
    type: 'tool',
    index: numberOf(call['index']),
    id: textOf(call['id']),
    name: textOf(at(named, 'name')),
    args: at(named, 'arguments'),
  });
}

/** Token counts of a `usage` object; `undefined` when it has none. */
export function toUsage(value: unknown): Usage | undefined {
  if (!isRecord(value)) return undefined;
  const input = numberOf(value['prompt_tokens']);
  const output = numberOf(value['completion_tokens']);
  if (input === undefined && output === undefined) return undefined;
  const inputTokens = input ?? 0;
  const outputTokens = output ?? 0;
  return {
    inputTokens,
    outputTokens,
    reasoningTokens: numberOf(at(value, 'completion_tokens_details', 'reasoning_tokens')) ?? 0,
    cachedTokens:
      numberOf(at(value, 'prompt_tokens_details', 'cached_tokens')) ?? numberOf(value['cached_tokens']) ?? 0,
    totalTokens: numberOf(value['total_tokens']) ?? inputTokens + outputTokens,
  };
}
