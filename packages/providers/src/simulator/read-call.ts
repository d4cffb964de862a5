import { asList, asObject, asText, isObject, type JsonObject } from './json.ts';
import type { SimulatedCall, SimulatedMessage, SimulatedProvider, SimulatedTool } from './persona-reply.ts';
import { seededRandom } from './seeded-random.ts';

/** Reads a chat request of either dialect. It never fails: what is missing is empty, and {@link findFault} judges it. */
export function readCall(provider: SimulatedProvider, body: JsonObject, seed: number): SimulatedCall {
  const model = asText(body['model']);
  return {
    provider,
    model,
    messages: asList(body['messages']).filter(isObject).map(readMessage),
    tools: asList(body['tools']).filter(isObject).flatMap(readTool),
    stream: body['stream'] === true,
    thinking: thinks(provider, model, body),
    json: asText(asObject(body['response_format'])['type']).startsWith('json'),
    body,
    seed,
    random: seededRandom(seed),
  };
}

function readMessage(message: JsonObject): SimulatedMessage {
  const reasoning = message['reasoning_content'];
  const toolCallId = message['tool_call_id'];
  const name = message['name'];
  return {
    role: asText(message['role']),
    text: contentText(message['content']),
    toolCalls: asList(message['tool_calls'])
      .filter(isObject)
      .map((call) => ({ id: asText(call['id']), ...readFunction(asObject(call['function'])) })),
    ...(typeof reasoning === 'string' ? { reasoning } : {}),
    ...(typeof toolCallId === 'string' ? { toolCallId } : {}),
    ...(typeof name === 'string' ? { name } : {}),
  };
}

function readFunction(call: JsonObject): { name: string; arguments: string } {
  const given = call['arguments'];
  return { name: asText(call['name']), arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {}) };
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .filter(isObject)
    .map((part) => asText(part['text']))
    .join('');
}

function readTool(tool: JsonObject): SimulatedTool[] {
  if (tool['type'] !== 'function') return [];
  const { name, description, parameters } = asObject(tool['function']);
  return [{ name: asText(name), description: asText(description), parameters: parameters ?? {} }];
}

/** Models that reason whatever the request says. */
const ALWAYS = /^(kimi-k3|kimi-k2\.7|k3|kimi-for-coding|glm-5\.3)/;
/** Models that never do. */
const NEVER = /^moonshot-v1/;

function thinks(provider: SimulatedProvider, model: string, body: JsonObject): boolean {
  if (ALWAYS.test(model)) return true;
  if (NEVER.test(model)) return false;
  const { type } = asObject(body['thinking']);
  if (type === 'enabled' || type === 'disabled') return type === 'enabled';
  return provider === 'glm' ? body['reasoning_effort'] !== 'none' : true;
}
