import type { ChatRequest, Effort, WebSearchOptions } from '../chat/chat-model.ts';
import type { ModelInfo } from '../chat/model-catalog.ts';
import type { Warning } from '../chat/warning.ts';
import { checkRequest, refuse } from '../wire/check-request.ts';
import type { WireRequest } from '../wire/dialect.ts';
import { repairHistory } from '../wire/history.ts';
import { jsonInstruction } from '../wire/json-output.ts';
import { type ToolNames, toolNames } from '../wire/tool-names.ts';
import { toWireMessages } from '../wire/wire-messages.ts';

/** What the provider object decides about every request. */
export interface GlmRequestSettings {
  readonly region: 'intl' | 'cn';
  /** Ask the server to stream tool arguments. */
  readonly toolStream: boolean;
  /** Let the server read earlier reasoning. */
  readonly preserveThinking: boolean;
}

type Body = Record<string, unknown>;

/**
 * The body of a GLM chat completion. Pure.
 *
 * @throws Failure with `INVALID_REQUEST` and the field.
 */
export function toGlmRequest(request: ChatRequest, model: ModelInfo, settings: GlmRequestSettings): WireRequest {
  const warnings = checkRequest(request, model);
  const names = toolNames(request);
  const history = repairHistory(request.messages);
  warnings.push(...names.warnings, ...history.warnings);
  if (!history.messages.some(({ role }) => role === 'user' || role === 'tool')) {
    refuse('messages', 'must contain a user message: GLM refuses system and assistant messages alone');
  }
  const thinking = toThinking(request, model, settings, warnings);
  const tools = toTools(request, names, settings, warnings);
  const streamsArgs = tools.functions > 0 && settings.toolStream && model.streamsToolArgs !== false;
  const messages = toWireMessages(history.messages, { toolName: names.toWire, reasoning: 'present' });
  const body: Body = {
    model: model.id,
    messages: withInstruction(messages, jsonInstruction(request.output)),
    stream: true,
    ...thinking.fields,
    ...tools.fields,
    ...(streamsArgs && { tool_stream: true }),
    ...toSampling(request, warnings),
    ...toLimits(request, model, warnings),
    ...(request.output?.type === 'json' && { response_format: { type: 'json_object' } }),
    ...toUser(request, warnings),
    ...request.extra,
  };
  warnUnsupported(request, warnings);
  return {
    body,
    warnings,
    toolNames: names.fromWire,
    thinking: thinking.on,
    bufferedArgs: tools.functions > 0 && !streamsArgs,
  };
}

function toThinking(
  request: ChatRequest,
  model: ModelInfo,
  settings: GlmRequestSettings,
  warnings: Warning[],
): { on: boolean; fields: Body } {
  const asked = isSwitchedOff(request.thinking, model) ? false : request.thinking;
  if (model.thinking === 'none') {
    if (asked !== undefined && asked !== false) warnings.push(thinkingChanged(`${model.id} does not reason`));
    return { on: false, fields: {} };
  }
  if (asked === false && model.thinking === 'always') {
    warnings.push(thinkingChanged(`${model.id} always reasons`));
  }
  const on = asked !== false || model.thinking === 'always';
  const effort = on && typeof asked === 'object' ? toEffort(asked.effort, model) : undefined;
  const type = on && effort !== 'none' ? 'enabled' : 'disabled';
  const keep = type === 'enabled' && settings.preserveThinking ? { clear_thinking: false } : {};
  const isNeeded = asked !== undefined || settings.preserveThinking;
  return {
    on: type === 'enabled',
    fields: {
      ...(isNeeded && { thinking: { type, ...keep } }),
      ...(effort !== undefined && { reasoning_effort: effort }),
    },
  };
}

/** Models without levels can only be switched: minimal is off where they have a switch. */
function isSwitchedOff(asked: ChatRequest['thinking'], model: ModelInfo): boolean {
  if (typeof asked !== 'object' || asked.effort !== 'minimal') return false;
  return model.thinking === 'toggle' && model.efforts === undefined;
}

/** GLM's own mapping of the usual levels: minimal switches reasoning off, low and medium are high. */
function toEffort(effort: Effort | undefined, model: ModelInfo): string | undefined {
  const { efforts } = model;
  if (effort === undefined || efforts === undefined) return undefined;
  if (effort === 'minimal') return efforts.includes('none') ? 'none' : efforts[0];
  if (efforts.includes(effort)) return effort;
  return 'high';
}

function thinkingChanged(message: string): Warning {
  return { code: 'THINKING_CHANGED', message, field: 'thinking' };
}

function toTools(
  request: ChatRequest,
  names: ToolNames,
  settings: GlmRequestSettings,
  warnings: Warning[],
): { functions: number; fields: Body } {
  const { toolChoice } = request;
  const chosen = (request.tools ?? []).filter(
    ({ name }) => toolChoice !== 'none' && (typeof toolChoice !== 'object' || toolChoice.name === name),
  );
  if (toolChoice === 'required' || typeof toolChoice === 'object') {
    const message = 'GLM lets the model decide: tool_choice is sent as auto';
    warnings.push({ code: 'TOOL_CHOICE_CHANGED', message, field: 'toolChoice' });
  }
  const functions = chosen.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name: names.toWire(name), description: description ?? '', parameters },
  }));
  const search = toWebSearch(request.webSearch, settings);
  const tools = search === undefined ? functions : [...functions, search];
  return {
    functions: functions.length,
    fields: tools.length === 0 ? {} : { tools, tool_choice: 'auto' },
  };
}

function toWebSearch(asked: ChatRequest['webSearch'], { region }: GlmRequestSettings): Body | undefined {
  if (asked === undefined || asked === false) return undefined;
  return { type: 'web_search', web_search: searchFields(asked === true ? {} : asked, region) };
}

/** Search options in GLM's words. */
export function searchFields(options: WebSearchOptions, region: 'intl' | 'cn'): Body {
  return {
    enable: true,
    search_engine: options.engine ?? (region === 'cn' ? 'search_std' : 'search_pro_jina'),
    search_result: true,
    ...(options.count !== undefined && { count: options.count }),
    ...(options.domain !== undefined && { search_domain_filter: options.domain }),
    ...(options.recency !== undefined && { search_recency_filter: options.recency }),
    ...(options.contentSize !== undefined && { content_size: options.contentSize }),
  };
}

/** Smallest top_p GLM takes; its two numbers have two decimals. */
const LEAST_TOP_P = 0.01;

function toSampling({ temperature, topP }: ChatRequest, warnings: Warning[]): Body {
  const fields: Body = {};
  if (temperature === 0) fields['do_sample'] = false;
  else if (temperature !== undefined) {
    if (temperature > 1) {
      const message = `temperature ${temperature} is sent as 1, the highest GLM takes`;
      warnings.push({ code: 'PARAMETER_CHANGED', message, field: 'temperature' });
    }
    fields['temperature'] = twoDecimals(Math.min(1, temperature));
  }
  if (topP !== undefined) fields['top_p'] = Math.max(LEAST_TOP_P, twoDecimals(topP));
  return fields;
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100;
}

function toLimits(request: ChatRequest, model: ModelInfo, warnings: Warning[]): Body {
  const fields: Body = {};
  const { maxOutputTokens, stop } = request;
  if (maxOutputTokens !== undefined) {
    if (maxOutputTokens > model.maxOutputTokens && model.known !== false) {
      const message = `maxOutputTokens ${maxOutputTokens} is sent as ${model.maxOutputTokens}, the most ${model.id} gives`;
      warnings.push({ code: 'PARAMETER_CHANGED', message, field: 'maxOutputTokens' });
    }
    fields['max_tokens'] = model.known === false ? maxOutputTokens : Math.min(maxOutputTokens, model.maxOutputTokens);
  }
  if (stop !== undefined && stop.length > 0) {
    if (stop.length > 1) {
      const message = 'GLM takes one stop text: the first is sent';
      warnings.push({ code: 'PARAMETER_CHANGED', message, field: 'stop' });
    }
    fields['stop'] = stop.slice(0, 1);
  }
  return fields;
}

function toUser({ userId }: ChatRequest, warnings: Warning[]): Body {
  if (userId === undefined) return {};
  if (userId.length >= 6 && userId.length <= 128) return { user_id: userId };
  const message = 'userId must have 6 to 128 characters for GLM and is not sent';
  warnings.push({ code: 'PARAMETER_DROPPED', message, field: 'userId' });
  return {};
}

function warnUnsupported(request: ChatRequest, warnings: Warning[]): void {
  if (request.continueFrom === undefined) return;
  const message = 'GLM cannot continue a given beginning: continueFrom is not sent';
  warnings.push({ code: 'PARAMETER_DROPPED', message, field: 'continueFrom' });
}

function withInstruction(messages: Body[], instruction: string | undefined): Body[] {
  return instruction === undefined ? messages : [{ role: 'system', content: instruction }, ...messages];
}
