import { kimiError, type WireError } from './dialect.ts';
import { asList, asNumber, asObject, asText, isObject, type JsonObject } from './json.ts';
import type { SimulatedCall } from './persona-reply.ts';

const FUNCTION_NAME = /^[a-zA-Z_][a-zA-Z0-9_-]{2,63}$/;
const MOST_TOOLS = 128;
const MOST_STOPS = 5;
const MOST_STOP_BYTES = 32;
/** Models that take `tool_choice: "required"` although they think. */
const TAKES_REQUIRED = /^(kimi-)?k3/;

/** What Kimi refuses in a request. Sources: Moonshot's API reference and public issue threads. */
export function kimiFault(call: SimulatedCall, promptTokens: number, window: number): WireError | undefined {
  if (!/^(kimi-|moonshot-v1|k\d)/.test(call.model)) {
    return kimiError(404, 'resource_not_found_error', `Not found the model ${call.model} or Permission denied`);
  }
  const fault = messagesFault(call) ?? samplingFault(call) ?? toolChoiceFault(call) ?? toolsFault(call);
  if (fault !== undefined) return kimiError(400, 'invalid_request_error', `Invalid request: ${fault}`);
  if (promptTokens <= window) return undefined;
  const message = `Invalid request: Your request exceeded model token limit: ${window} (requested: ${promptTokens})`;
  return kimiError(400, 'invalid_request_error', message);
}

function messagesFault(call: SimulatedCall): string | undefined {
  if (call.messages.length === 0) return 'messages must not be empty';
  const asked = new Set<string>();
  const sent = asList(call.body['messages']).filter(isObject);
  for (const [index, message] of call.messages.entries()) {
    const raw = sent[index] ?? {};
    if (isEmpty(raw))
      return `message at position ${index} with role '${message.role}' must not be empty: text content is empty`;
    if (
      message.role === 'assistant' &&
      message.toolCalls.length > 0 &&
      call.thinking &&
      message.reasoning === undefined
    ) {
      return `thinking is enabled but reasoning_content is missing in assistant tool call message at index ${index}`;
    }
    for (const { id } of message.toolCalls) asked.add(id);
    if (message.role === 'tool' && !asked.has(message.toolCallId ?? '')) {
      return `tool_call_id ${message.toolCallId ?? ''} is not found`;
    }
  }
  return undefined;
}

function isEmpty({ role, content, tool_calls, partial }: JsonObject): boolean {
  if (role === 'tool' || partial === true) return false;
  if (content === undefined || content === null) return asList(tool_calls).length === 0;
  return content === '' || (Array.isArray(content) && content.length === 0);
}

function samplingFault({ model, body, thinking }: SimulatedCall): string | undefined {
  const stops = typeof body['stop'] === 'string' ? [body['stop']] : asList(body['stop']).map(asText);
  if (stops.length > MOST_STOPS || stops.some((stop) => Buffer.byteLength(stop) > MOST_STOP_BYTES)) {
    return `stop takes at most ${MOST_STOPS} strings of at most ${MOST_STOP_BYTES} bytes`;
  }
  const temperature = asNumber(body['temperature']);
  if (temperature === undefined) return undefined;
  if (model.startsWith('moonshot-v1')) return temperature >= 0 && temperature <= 1 ? undefined : 'invalid temperature';
  const only = thinking ? 1 : 0.6;
  return temperature === only ? undefined : `invalid temperature: only ${only} is allowed for this model`;
}

function toolChoiceFault({ model, body, thinking }: SimulatedCall): string | undefined {
  const choice = body['tool_choice'];
  if (!thinking || choice === undefined || choice === 'auto' || choice === 'none') return undefined;
  if (choice === 'required') {
    return TAKES_REQUIRED.test(model) ? undefined : "tool_choice 'required' is incompatible with thinking enabled";
  }
  return "tool_choice 'specified' is incompatible with thinking enabled";
}

function toolsFault(call: SimulatedCall): string | undefined {
  const sent = asList(call.body['tools']).filter(isObject);
  if (sent.length > MOST_TOOLS) return `tools must not be more than ${MOST_TOOLS}`;
  if (call.thinking && sent.some(({ type }) => type === 'builtin_function')) {
    return '$web_search is incompatible with thinking enabled';
  }
  for (const { name, parameters } of call.tools) {
    if (!FUNCTION_NAME.test(name))
      return `function name is invalid, must start with a letter and can contain letters, numbers, underscores, and dashes: ${name}`;
    const fault = schemaFault(parameters, `tools.${name}.parameters`, true);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What is not in Kimi's subset of JSON schema. */
function schemaFault(schema: unknown, path: string, root = false): string | undefined {
  if (!isObject(schema)) return `${path} is not a valid moonshot flavored json schema: must be an object`;
  if (root && Object.keys(schema).length > 0 && schema['type'] !== 'object') return `${path}.type must be object`;
  if ('$schema' in schema) return `${path}.$schema is not supported`;
  if ('$ref' in schema && Object.keys(schema).length > 1) return `${path}: $ref must have no siblings`;
  if (Array.isArray(schema['items'])) return `${path}.items must be an object`;
  for (const [index, branch] of asList(schema['anyOf']).entries()) {
    if (isObject(branch) && !('type' in branch) && !('$ref' in branch) && !('anyOf' in branch)) {
      return `${path}.anyOf.${index}: type is required`;
    }
  }
  return nestedFault(schema, path);
}

function nestedFault(schema: JsonObject, path: string): string | undefined {
  const nested: [string, unknown][] = [
    ...Object.entries(asObject(schema['properties'])).map(([name, one]): [string, unknown] => [
      `properties.${name}`,
      one,
    ]),
    ...asList(schema['anyOf']).map((one, index): [string, unknown] => [`anyOf.${index}`, one]),
    ...('items' in schema ? [['items', schema['items']] satisfies [string, unknown]] : []),
  ];
  for (const [name, one] of nested) {
    const fault = schemaFault(one, `${path}.${name}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
