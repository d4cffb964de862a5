import type { LanguageModelV3CallOptions, SharedV3Warning } from '@ai-sdk/provider';

import type { CallOptions, ChatRequest, FunctionTool, WebSearchOptions } from '../chat/chat-model.ts';
import { at, isRecord, numberOf, textOf } from '../json-value.ts';
import { toMessages } from './to-messages.ts';

/** A call of the AI SDK as ours. */
export interface SdkCall {
  readonly request: ChatRequest;
  readonly options: CallOptions;
  readonly warnings: readonly SharedV3Warning[];
}

const EFFORTS = ['minimal', 'low', 'medium', 'high', 'max'] as const;
/** Settings no GLM or Kimi model has. */
const UNSUPPORTED = ['topK', 'presencePenalty', 'frequencyPenalty', 'seed'] as const;

/**
 * Translates a call. `providerOptions.glm` or `.kimi` may hold `thinking`, `effort`, `webSearch`, `continueFrom`,
 * `cacheKey`, `userId`, `extra`, `session`, `priority`, `deadlineAt` and `hedge`.
 */
export function toRequest(provider: string, options: LanguageModelV3CallOptions): SdkCall {
  const own = options.providerOptions?.[provider] ?? {};
  const warnings: SharedV3Warning[] = UNSUPPORTED.filter((name) => options[name] !== undefined).map((feature) => ({
    type: 'unsupported',
    feature,
  }));
  const functions: FunctionTool[] = [];
  let webSearch: ChatRequest['webSearch'] = toWebSearch(own['webSearch']);
  for (const tool of options.tools ?? []) {
    if (tool.type === 'function') {
      const { name, description, inputSchema } = tool;
      functions.push({ name, ...(description !== undefined && { description }), parameters: { ...inputSchema } });
    } else if (tool.id === `${provider}.web_search`) webSearch = toWebSearch(tool.args) ?? true;
    else warnings.push({ type: 'unsupported', feature: `tool ${tool.id}` });
  }
  return {
    request: {
      messages: toMessages(options.prompt),
      ...(functions.length > 0 && { tools: functions }),
      webSearch,
      toolChoice: functions.length > 0 ? toToolChoice(options.toolChoice) : undefined,
      thinking: toThinking(own),
      maxOutputTokens: options.maxOutputTokens,
      temperature: options.temperature,
      topP: options.topP,
      stop: options.stopSequences,
      output: toOutput(options.responseFormat),
      continueFrom: textOf(own['continueFrom']),
      cacheKey: textOf(own['cacheKey']),
      userId: textOf(own['userId']),
      ...(isRecord(own['extra']) && { extra: own['extra'] }),
    },
    options: {
      signal: options.abortSignal,
      session: textOf(own['session']),
      priority: numberOf(own['priority']),
      deadlineAt: numberOf(own['deadlineAt']),
      hedge: own['hedge'] === true,
    },
    warnings,
  };
}

function toThinking(own: Readonly<Record<string, unknown>>): ChatRequest['thinking'] {
  const effort = EFFORTS.find((one) => one === (own['effort'] ?? at(own['thinking'], 'effort')));
  if (effort !== undefined) return { effort };
  return typeof own['thinking'] === 'boolean' ? own['thinking'] : undefined;
}

function toToolChoice(choice: LanguageModelV3CallOptions['toolChoice']): ChatRequest['toolChoice'] {
  if (choice === undefined) return undefined;
  return choice.type === 'tool' ? { name: choice.toolName } : choice.type;
}

function toOutput(format: LanguageModelV3CallOptions['responseFormat']): ChatRequest['output'] {
  if (format?.type !== 'json') return undefined;
  const { schema, name } = format;
  return {
    type: 'json',
    ...(schema !== undefined && { schema: { ...schema } }),
    ...(name !== undefined && { name }),
  };
}

function toWebSearch(value: unknown): ChatRequest['webSearch'] {
  if (typeof value === 'boolean') return value;
  if (!isRecord(value)) return undefined;
  const options: { -readonly [Key in keyof WebSearchOptions]: WebSearchOptions[Key] } = {
    count: numberOf(value['count']),
    domain: textOf(value['domain']),
    engine: textOf(value['engine']),
  };
  const recency = (['oneDay', 'oneWeek', 'oneMonth', 'oneYear', 'noLimit'] as const).find(
    (one) => one === value['recency'],
  );
  if (recency !== undefined) options.recency = recency;
  const size = (['medium', 'high'] as const).find((one) => one === value['contentSize']);
  if (size !== undefined) options.contentSize = size;
  return options;
}
