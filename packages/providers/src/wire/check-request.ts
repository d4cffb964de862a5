import type { ChatRequest } from '../chat/chat-model.ts';
import { Failure } from '../chat/failure.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import type { Warning } from '../chat/warning.ts';

const FIELDS: ReadonlySet<string> = new Set([
  'messages',
  'tools',
  'webSearch',
  'toolChoice',
  'thinking',
  'maxOutputTokens',
  'temperature',
  'topP',
  'stop',
  'output',
  'continueFrom',
  'cacheKey',
  'userId',
  'extra',
] satisfies (keyof ChatRequest)[]);
/** Both providers' limit. */
const MOST_TOOLS = 128;

/**
 * Finds what neither provider would take, before anything is sent.
 *
 * @throws Failure with `INVALID_REQUEST` and the field.
 */
export function checkRequest(request: ChatRequest, model: ModelInfo): Warning[] {
  if (!Array.isArray(request.messages) || request.messages.length === 0) refuse('messages', 'must not be empty');
  const tools = request.tools ?? [];
  if (tools.length > MOST_TOOLS) refuse('tools', `must be at most ${MOST_TOOLS}, got ${tools.length}`);
  checkTools(tools);
  checkNumbers(request);
  checkToolChoice(request);
  checkVision(request, model);
  return Object.keys(request)
    .filter((name) => !FIELDS.has(name))
    .map((name) => ({
      code: 'UNKNOWN_OPTION',
      message: `${name} is no field of a request and is not sent`,
      field: name,
    }));
}

/** Throws the failure of a field that cannot be sent. */
export function refuse(field: string, rule: string): never {
  throw new Failure({ code: 'INVALID_REQUEST', retryable: false, message: `${field} ${rule}`, field });
}

function checkTools(tools: NonNullable<ChatRequest['tools']>): void {
  const names = new Set<string>();
  for (const [i, { name, parameters }] of tools.entries()) {
    if (typeof name !== 'string' || name === '') refuse(`tools[${i}].name`, 'must not be empty');
    if (names.has(name)) refuse(`tools[${i}].name`, `is used twice: ${JSON.stringify(name)}`);
    names.add(name);
    if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) {
      refuse(`tools[${i}].parameters`, 'must be a JSON Schema object');
    }
  }
}

function checkNumbers(request: ChatRequest): void {
  const { maxOutputTokens, temperature, topP } = request;
  if (maxOutputTokens !== undefined && !(Number.isInteger(maxOutputTokens) && maxOutputTokens > 0)) {
    refuse('maxOutputTokens', `must be a positive integer, got ${maxOutputTokens}`);
  }
  if (temperature !== undefined && !(temperature >= 0)) refuse('temperature', `must be 0 or more, got ${temperature}`);
  if (topP !== undefined && !(topP > 0 && topP <= 1)) refuse('topP', `must be in (0, 1], got ${topP}`);
}

function checkToolChoice({ toolChoice, tools }: ChatRequest): void {
  if (typeof toolChoice !== 'object') return;
  if (tools?.some((tool) => tool.name === toolChoice.name) === true) return;
  refuse('toolChoice.name', `names no tool of the request: ${JSON.stringify(toolChoice.name)}`);
}

function checkVision(request: ChatRequest, model: ModelInfo): void {
  if (model.vision || model.known === false) return;
  for (const [i, message] of request.messages.entries()) {
    if (message.role !== 'user' || typeof message.content === 'string') continue;
    const seen = message.content.findIndex((part) => part.type !== 'text');
    if (seen >= 0) refuse(`messages[${i}].content[${seen}]`, `${model.id} reads no images or videos`);
  }
}
