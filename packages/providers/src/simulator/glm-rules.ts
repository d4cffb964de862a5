import { glmError, type WireError } from './dialect.ts';
import { asList, asNumber, asObject, asText, isObject } from './json.ts';
import type { SimulatedCall } from './persona-reply.ts';

const MOST_TOKENS = 131_072;
const MOST_TOOLS = 128;

/** What GLM refuses in a request. Sources: the OpenAPI text and the error page of bigmodel.cn. */
export function glmFault(call: SimulatedCall, tooLong: boolean): WireError | undefined {
  if (!/^(glm-|charglm|codegeex|autoglm|emohaa)/.test(call.model)) {
    return glmError(400, '1211', 'Unknown model, please check the model code.');
  }
  const messages = messagesFault(call);
  if (messages !== undefined) return glmError(400, '1214', messages);
  const parameter = parameterFault(call);
  if (parameter !== undefined) return glmError(400, '1210', `API call parameters are wrong: ${parameter}`);
  return tooLong ? glmError(400, '1261', 'Prompt exceeds max length') : undefined;
}

function messagesFault(call: SimulatedCall): string | undefined {
  if (call.messages.length === 0) return 'The messages parameter is illegal: must not be empty';
  if (call.messages.every(({ role }) => role === 'system' || role === 'assistant')) {
    return 'The messages parameter is illegal: must contain a user message';
  }
  const sent = asList(call.body['messages']).filter(isObject);
  const empty = sent.findIndex(
    ({ content, tool_calls }) => content === '' || (content === undefined && asList(tool_calls).length === 0),
  );
  return empty < 0 ? undefined : `The messages parameter is illegal: content of message ${empty} is empty`;
}

function parameterFault({ body, tools }: SimulatedCall): string | undefined {
  const { temperature, top_p, max_tokens, tool_choice, request_id } = body;
  if (isOutside(temperature, 0, 1)) return `temperature must be between 0 and 1, got ${String(temperature)}`;
  if (isOutside(top_p, 0.01, 1)) return `top_p must be between 0.01 and 1, got ${String(top_p)}`;
  if (isOutside(max_tokens, 1, MOST_TOKENS)) return `max_tokens must be between 1 and ${MOST_TOKENS}`;
  if (tool_choice !== undefined && tool_choice !== 'auto') return 'tool_choice supports auto only';
  if (asText(asObject(body['response_format'])['type']) === 'json_schema') {
    return 'response_format supports text and json_object only';
  }
  if (tools.length > MOST_TOOLS) return `at most ${MOST_TOOLS} tools`;
  const id = asText(request_id);
  if (request_id !== undefined && (id.length < 6 || id.length > 64)) return 'request_id must have 6 to 64 characters';
  return undefined;
}

function isOutside(value: unknown, least: number, most: number): boolean {
  if (value === undefined) return false;
  const number = asNumber(value);
  return number === undefined || number < least || number > most;
}
