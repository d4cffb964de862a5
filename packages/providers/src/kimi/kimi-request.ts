import type { ChatRequest, Effort } from '../chat/chat-model.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import type { Warning } from '../chat/warning.ts';
import { checkRequest, refuse } from '../wire/check-request.ts';
import type { WireRequest } from '../wire/dialect.ts';
import { repairHistory } from '../wire/history.ts';
import { type ToolNames, toolNames } from '../wire/tool-names.ts';
import { toWireMessages } from '../wire/wire-messages.ts';
import { toMoonshotSchema } from './moonshot-schema.ts';

/** What the provider object decides about every request. */
export interface KimiRequestSettings {
  /** Ask the server to read earlier reasoning. */
  readonly keepThinking: boolean;
  /** How this call searches the web, decided from its mode. */
  readonly webSearch: 'auto' | 'builtin' | 'formula';
}

/** Name of Kimi's built-in search. */
export const WEB_SEARCH_TOOL = '$web_search';
/** Answers are cut where reasoning eats a small default; a large one counts against the token rate. */
const THINKING_TOKENS = 32_768;
const PLAIN_TOKENS = 8192;
const MOST_STOPS = 5;
const STOP_BYTES = 32;

type Body = Record<string, unknown>;

/**
 * The body of a Kimi chat completion. Pure.
 *
 * @throws Failure with `INVALID_REQUEST` and the field.
 */
export function toKimiRequest(request: ChatRequest, model: ModelInfo, settings: KimiRequestSettings): WireRequest {
  const warnings = checkRequest(request, model);
  const names = toolNames(request);
  const history = repairHistory(request.messages);
  warnings.push(...names.warnings, ...history.warnings);
  const search = searchMechanism(request, model, settings);
  const thinking = toThinking(request, model, { settings, search, warnings });
  const messages = toWireMessages(history.messages, {
    toolName: names.toWire,
    reasoning: model.thinking === 'none' ? 'never' : 'always',
  });
  const body: Body = {
    model: model.id,
    messages: withPrefix(messages, request, model),
    stream: true,
    stream_options: { include_usage: true },
    ...thinking.fields,
    ...toTools(request, names, { search, choice: thinking.choice, warnings }),
    max_completion_tokens: toMaxTokens(request, model, thinking.on, warnings),
    ...toSampling(request, model, warnings),
    ...toStops(request, warnings),
    ...toOutput(request, warnings),
    ...(request.cacheKey !== undefined && { prompt_cache_key: request.cacheKey }),
    ...(request.userId !== undefined && { safety_identifier: request.userId }),
    ...request.extra,
  };
  return { body, warnings, toolNames: names.fromWire, thinking: thinking.on, bufferedArgs: false };
}

/** How a request searches: not at all, by the built-in tool (reasoning off), or by Formula functions. */
export function searchMechanism(
  request: ChatRequest,
  model: ModelInfo,
  settings: Pick<KimiRequestSettings, 'webSearch'>,
): 'none' | 'builtin' | 'formula' {
  if (request.webSearch === undefined || request.webSearch === false) return 'none';
  if (settings.webSearch !== 'auto') return settings.webSearch;
  if (model.thinking === 'none') return 'builtin';
  return model.thinking === 'toggle' && request.thinking === false ? 'builtin' : 'formula';
}

type Choice = ChatRequest['toolChoice'];

interface ThinkingPlan {
  readonly on: boolean;
  readonly fields: Body;
  readonly choice: Choice;
}

function toThinking(
  request: ChatRequest,
  model: ModelInfo,
  plan: { settings: KimiRequestSettings; search: 'none' | 'builtin' | 'formula'; warnings: Warning[] },
): ThinkingPlan {
  const { warnings, settings } = plan;
  const asked = request.thinking;
  if (model.thinking === 'none') {
    if (asked !== undefined && asked !== false) warnings.push(changed(`${model.id} does not reason`));
    return { on: false, fields: {}, choice: request.toolChoice };
  }
  if (model.thinking === 'always') {
    if (asked === false) warnings.push(changed(`${model.id} always reasons`));
    if (plan.search === 'builtin')
      warnings.push(changed(`${WEB_SEARCH_TOOL} wants reasoning off, ${model.id} has it always on`));
    const choice = choiceWhileThinking(request.toolChoice, model, warnings);
    return { on: true, fields: thinkingFields(request, model, settings), choice };
  }
  if (asked === false) return { on: false, fields: { thinking: { type: 'disabled' } }, choice: request.toolChoice };
  const forced = request.toolChoice === 'required' || typeof request.toolChoice === 'object';
  if (forced || plan.search === 'builtin') {
    const why = forced ? 'a forced tool call' : WEB_SEARCH_TOOL;
    warnings.push(changed(`${why} excludes reasoning, which is off for this call`));
    return { on: false, fields: { thinking: { type: 'disabled' } }, choice: request.toolChoice };
  }
  return { on: true, fields: thinkingFields(request, model, settings), choice: request.toolChoice };
}

function thinkingFields(request: ChatRequest, model: ModelInfo, settings: KimiRequestSettings): Body {
  const keep = settings.keepThinking && model.keepsThinking === true;
  const effort = typeof request.thinking === 'object' ? toEffort(request.thinking.effort, model) : undefined;
  const isNeeded = model.thinking === 'toggle' || keep;
  return {
    ...(isNeeded && { thinking: { type: 'enabled', ...(keep && { keep: 'all' }) } }),
    ...(effort !== undefined && { reasoning_effort: effort }),
  };
}

function toEffort(effort: Effort | undefined, model: ModelInfo): string | undefined {
  const { efforts } = model;
  if (effort === undefined || efforts === undefined) return undefined;
  if (efforts.includes(effort)) return effort;
  return effort === 'minimal' ? efforts[0] : 'high';
}

function choiceWhileThinking(choice: Choice, model: ModelInfo, warnings: Warning[]): Choice {
  if (choice === undefined || choice === 'auto' || choice === 'none') return choice;
  const takes = model.toolChoices ?? [];
  if (choice === 'required' && takes.includes('required')) return choice;
  if (typeof choice === 'object' && takes.includes('named')) return choice;
  const to = takes.includes('required') ? 'required' : 'auto';
  const message = `${model.id} reasons and takes no such tool_choice: ${to} is sent`;
  warnings.push({ code: 'TOOL_CHOICE_CHANGED', message, field: 'toolChoice' });
  return to;
}

function changed(message: string): Warning {
  return { code: 'THINKING_CHANGED', message, field: 'thinking' };
}

function toTools(
  request: ChatRequest,
  names: ToolNames,
  plan: { search: 'none' | 'builtin' | 'formula'; choice: Choice; warnings: Warning[] },
): Body {
  const only =
    typeof request.toolChoice === 'object' && typeof plan.choice !== 'object' ? request.toolChoice.name : undefined;
  const functions = (request.tools ?? [])
    .filter(({ name }) => only === undefined || name === only)
    .map(({ name, description, parameters }) => {
      const { schema, changes } = toMoonshotSchema(parameters);
      const field = `tools[${(request.tools ?? []).findIndex((tool) => tool.name === name)}].parameters`;
      for (const change of changes) {
        plan.warnings.push({ code: 'SCHEMA_CHANGED', message: `${field}${change}`, field });
      }
      const described = description === undefined ? {} : { description };
      return { type: 'function', function: { name: names.toWire(name), ...described, parameters: schema } };
    });
  const builtin = { type: 'builtin_function', function: { name: WEB_SEARCH_TOOL } };
  const tools = plan.search === 'builtin' ? [...functions, builtin] : functions;
  if (tools.length === 0) return {};
  return { tools, ...toChoice(plan.choice, names) };
}

function toChoice(choice: Choice, names: ToolNames): Body {
  if (choice === undefined) return {};
  if (typeof choice === 'string') return { tool_choice: choice };
  return { tool_choice: { type: 'function', function: { name: names.toWire(choice.name) } } };
}

function toMaxTokens(request: ChatRequest, model: ModelInfo, thinking: boolean, warnings: Warning[]): number {
  const asked = request.maxOutputTokens;
  const usual = thinking ? THINKING_TOKENS : PLAIN_TOKENS;
  if (asked === undefined) return Math.min(usual, model.maxOutputTokens);
  if (asked <= model.maxOutputTokens || model.known === false) return asked;
  const message = `maxOutputTokens ${asked} is sent as ${model.maxOutputTokens}, the most ${model.id} gives`;
  warnings.push({ code: 'PARAMETER_CHANGED', message, field: 'maxOutputTokens' });
  return model.maxOutputTokens;
}

function toSampling(request: ChatRequest, model: ModelInfo, warnings: Warning[]): Body {
  const fields: Body = {};
  const wanted = [
    ['temperature', 'temperature', request.temperature],
    ['topP', 'top_p', request.topP],
  ] as const;
  for (const [field, wire, value] of wanted) {
    if (value === undefined) continue;
    if (model.pinnedSampling === true) {
      const message = `${model.id} takes only its own ${wire}: ${field} is not sent`;
      warnings.push({ code: 'PARAMETER_DROPPED', message, field });
      continue;
    }
    if (value > 1) {
      warnings.push({ code: 'PARAMETER_CHANGED', message: `${field} ${value} is sent as 1`, field });
    }
    fields[wire] = Math.min(1, value);
  }
  return fields;
}

function toStops({ stop }: ChatRequest, warnings: Warning[]): Body {
  if (stop === undefined || stop.length === 0) return {};
  const encoder = new TextEncoder();
  const taken = stop.filter((text) => encoder.encode(text).byteLength <= STOP_BYTES).slice(0, MOST_STOPS);
  if (taken.length < stop.length) {
    const message = `Kimi takes ${MOST_STOPS} stop texts of ${STOP_BYTES} bytes: ${taken.length} of ${stop.length} are sent`;
    warnings.push({ code: 'PARAMETER_DROPPED', message, field: 'stop' });
  }
  return taken.length === 0 ? {} : { stop: taken };
}

function toOutput({ output, continueFrom }: ChatRequest, warnings: Warning[]): Body {
  if (output?.type !== 'json') return {};
  if (continueFrom !== undefined) refuse('continueFrom', 'cannot be combined with JSON output');
  if (output.schema === undefined) return { response_format: { type: 'json_object' } };
  const { schema, changes } = toMoonshotSchema(output.schema);
  for (const change of changes) {
    warnings.push({ code: 'SCHEMA_CHANGED', message: `output.schema${change}`, field: 'output.schema' });
  }
  return {
    response_format: { type: 'json_schema', json_schema: { name: output.name ?? 'answer', schema, strict: true } },
  };
}

/** Kimi continues a last assistant message that is marked as partial. */
function withPrefix(messages: Body[], { continueFrom }: ChatRequest, model: ModelInfo): Body[] {
  if (continueFrom === undefined || continueFrom === '') return messages;
  const reasoning = model.thinking === 'none' ? {} : { reasoning_content: '' };
  return [...messages, { role: 'assistant', content: continueFrom, ...reasoning, partial: true }];
}
