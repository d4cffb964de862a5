import { asList, asNumber, asObject, asText, type JsonObject } from './json.ts';
import type { WireToolCall } from './dialect.ts';
import { sampleJson } from './json-sample.ts';
import { estimateTokens, firstTokens } from './tokens.ts';
import type { PersonaReply, SimulatedCall, SimulatedMessage } from './persona-reply.ts';

/** A reply made complete: what goes onto the wire, without its timing. */
export interface Answer {
  readonly reasoning: string;
  readonly text: string;
  readonly toolCalls: readonly WireToolCall[];
  readonly finishReason: string;
  /** GLM's `web_search` results; empty for none. */
  readonly sources: readonly JsonObject[];
}

/** Completes a persona's reply, or makes one up. */
export function toAnswer(call: SimulatedCall, reply: PersonaReply | undefined): Answer {
  const given = reply ?? improvise(call);
  const toolCalls = (given.toolCalls ?? []).map((tool, index) => ({
    id: callId(call, tool.name, index),
    name: tool.name,
    arguments: typeof tool.arguments === 'string' ? tool.arguments : JSON.stringify(tool.arguments ?? {}),
  }));
  return {
    reasoning: call.thinking ? (given.reasoning ?? musing(call)) : '',
    text: given.text ?? '',
    toolCalls,
    finishReason: given.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    sources: call.provider === 'glm' ? glmSources(call) : [],
  };
}

/** The answer cut where the request's largest number of tokens is reached; reasoning counts. */
export function limitAnswer(answer: Answer, call: SimulatedCall): Answer {
  const most = asNumber(call.body['max_completion_tokens']) ?? asNumber(call.body['max_tokens']);
  if (most === undefined) return answer;
  const reasoning = firstTokens(answer.reasoning, most);
  const text = firstTokens(answer.text, most - estimateTokens(reasoning));
  if (reasoning === answer.reasoning && text === answer.text) return answer;
  return { ...answer, reasoning, text, toolCalls: [], finishReason: 'length' };
}

/** True when the call asks the provider to search the web, in either dialect's way. */
export function searchesWeb(call: SimulatedCall): boolean {
  return webSearchTool(call) !== undefined || builtinSearch(call) || formulaSearch(call) !== undefined;
}

function improvise(call: SimulatedCall): PersonaReply {
  const forced = forcedTool(call) ?? searchCall(call);
  if (forced !== undefined) return { toolCalls: [forced] };
  const question = clip(lastText(call, 'user'), 160);
  if (call.json) return { text: JSON.stringify(sampleJson(jsonSchema(call), question)) };
  return { text: plainText(call, question) };
}

function plainText(call: SimulatedCall, question: string): string {
  const heard = question === '' ? 'You sent no question.' : `You asked: "${question}".`;
  const results = call.messages.filter((message) => message.role === 'tool');
  const used = results.length === 0 ? '' : ` I read ${results.length} tool result${results.length === 1 ? '' : 's'}.`;
  const found =
    call.provider === 'glm' && webSearchTool(call) !== undefined ? ' A web search found example.com [ref_1].' : '';
  return `${heard}${used}${found} I am a simulator of ${call.model}, not a model: this answer shows the wire, not knowledge.`;
}

function musing(call: SimulatedCall): string {
  const question = clip(lastText(call, 'user'), 120);
  return (
    `The question is "${question}". There are ${call.messages.length} messages to consider` +
    `${call.tools.length > 0 ? ` and ${call.tools.length} tools at hand` : ''}. ` +
    'A simulator has nothing to look up, so the honest answer is to restate what was asked and to say what this is.'
  );
}

/** A call of an offered function that `tool_choice` forces. */
function forcedTool(call: SimulatedCall): { name: string; arguments: unknown } | undefined {
  const choice = call.body['tool_choice'];
  const named = asText(asObject(asObject(choice)['function'])['name']);
  const answered = call.messages.at(-1)?.role === 'tool';
  if (named === '' && (choice !== 'required' || answered)) return undefined;
  const tool = named === '' ? call.tools[0] : call.tools.find((offered) => offered.name === named);
  if (tool === undefined) return undefined;
  return { name: tool.name, arguments: sampleJson(tool.parameters, clip(lastText(call, 'user'), 70)) };
}

/** The search Kimi asks its caller to carry out, once per question. */
function searchCall(call: SimulatedCall): { name: string; arguments: unknown } | undefined {
  if (call.provider !== 'kimi' || sinceQuestion(call).some((message) => message.role === 'tool')) return undefined;
  const query = clip(lastText(call, 'user'), 70);
  if (builtinSearch(call)) {
    const search_id = `search-${call.seed.toString(36)}`;
    return { name: '$web_search', arguments: { search_result: { search_id }, usage: { total_tokens: 9_120 }, query } };
  }
  const formula = formulaSearch(call);
  return formula === undefined ? undefined : { name: formula, arguments: { query } };
}

function builtinSearch(call: SimulatedCall): boolean {
  return asList(call.body['tools']).some(
    (tool) =>
      asObject(tool)['type'] === 'builtin_function' && asObject(asObject(tool)['function'])['name'] === '$web_search',
  );
}

function formulaSearch(call: SimulatedCall): string | undefined {
  if (call.provider !== 'kimi') return undefined;
  return call.tools.find((tool) => tool.name === 'web_search' && tool.description.includes('Formula'))?.name;
}

function webSearchTool(call: SimulatedCall): JsonObject | undefined {
  const found = asList(call.body['tools']).find((tool) => asObject(tool)['type'] === 'web_search');
  if (found === undefined) return undefined;
  const settings = asObject(asObject(found)['web_search']);
  return settings['enable'] === false ? undefined : settings;
}

function glmSources(call: SimulatedCall): JsonObject[] {
  const settings = webSearchTool(call);
  // Without `search_result` the provider searches and keeps the results to itself.
  if (settings?.['search_result'] !== true) return [];
  const query = asText(settings['search_query']) || clip(lastText(call, 'user'), 70);
  return webResults(query, 2);
}

/** Search results as GLM lists them. */
export function webResults(query: string, count: number): JsonObject[] {
  return Array.from({ length: count }, (_, i) => ({
    title: `Simulated result ${i + 1} for ${query}`,
    link: `https://example.com/simulated/${i + 1}`,
    content: `A page that the simulator made up about ${query}.`,
    media: 'example.com',
    icon: 'https://example.com/icon.png',
    refer: `ref_${i + 1}`,
    publish_date: '2026-01-01',
  }));
}

/** Kimi numbers the calls of a conversation; GLM's ids are opaque. */
function callId(call: SimulatedCall, name: string, index: number): string {
  if (call.provider === 'glm') return `call_${call.seed.toString(36)}${index}`;
  const before = call.messages.reduce((sum, message) => sum + message.toolCalls.length, 0);
  return `functions.${name}:${before + index}`;
}

function jsonSchema(call: SimulatedCall): unknown {
  return asObject(asObject(call.body['response_format'])['json_schema'])['schema'];
}

function lastText(call: SimulatedCall, role: string): string {
  return call.messages.findLast((message) => message.role === role)?.text ?? '';
}

function sinceQuestion(call: SimulatedCall): readonly SimulatedMessage[] {
  return call.messages.slice(call.messages.findLastIndex((message) => message.role === 'user') + 1);
}

function clip(text: string, most: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
