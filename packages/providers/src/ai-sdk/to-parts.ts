import type {
  LanguageModelV3Content,
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
  SharedV3Warning,
} from '@ai-sdk/provider';

import type { ChatEvent, ChatResult, FinishReason, Source, ToolCall } from '../chat/chat-model.ts';
import type { Usage } from '../chat/usage.ts';
import { METADATA } from './to-messages.ts';

/** Turns the events of a call into the parts of an AI SDK stream: every block is opened before and closed after its deltas. */
export class PartWriter {
  #open: { readonly type: 'text' | 'reasoning'; readonly id: string } | undefined;
  #blocks = 0;
  #sources = 0;
  #usage: LanguageModelV3Usage | undefined;
  #cost: number | undefined;
  readonly #provider: string;
  readonly #ids = new Map<number, string>();

  constructor(provider: string) {
    this.#provider = provider;
  }

  write(event: ChatEvent): LanguageModelV3StreamPart[] {
    switch (event.type) {
      case 'start': {
        const { requestId: id, model, servedModel } = event;
        return [{ type: 'response-metadata', id, modelId: servedModel ?? model, timestamp: new Date() }];
      }
      case 'text':
      case 'reasoning':
        return this.#delta(event.type, event.delta);
      case 'tool-start':
        this.#ids.set(event.index, event.id);
        return [...this.#close(), { type: 'tool-input-start', id: event.id, toolName: event.name }];
      case 'tool-delta':
        return [{ type: 'tool-input-delta', id: this.#ids.get(event.index) ?? '', delta: event.delta }];
      case 'tool-call':
        return [{ type: 'tool-input-end', id: event.call.id }, toToolCall(event.call)];
      case 'source':
        return [toSource(event.source, this.#sources++)];
      case 'usage':
        this.#usage = toUsage(event.usage);
        this.#cost = event.cost;
        return [];
      case 'finish':
        return [...this.#close(), this.#finish(event.reason, event.rawReason)];
      case 'waiting':
      case 'granted':
      case 'hedge':
      case 'retry':
      case 'stalled':
      case 'resumed':
      case 'server-tool':
      case 'warning':
        return [];
      default:
        return event satisfies never;
    }
  }

  #delta(type: 'text' | 'reasoning', delta: string): LanguageModelV3StreamPart[] {
    const parts = this.#open?.type === type ? [] : [...this.#close(), this.#begin(type)];
    const id = this.#open?.id ?? '';
    return [...parts, { type: type === 'text' ? 'text-delta' : 'reasoning-delta', id, delta }];
  }

  #begin(type: 'text' | 'reasoning'): LanguageModelV3StreamPart {
    const id = `${type}-${this.#blocks++}`;
    this.#open = { type, id };
    return { type: type === 'text' ? 'text-start' : 'reasoning-start', id };
  }

  #close(): LanguageModelV3StreamPart[] {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return [];
    return [{ type: open.type === 'text' ? 'text-end' : 'reasoning-end', id: open.id }];
  }

  #finish(reason: FinishReason, raw: string | undefined): LanguageModelV3StreamPart {
    const metadata =
      this.#cost === undefined ? {} : { providerMetadata: { [this.#provider]: { costUsd: this.#cost } } };
    return { type: 'finish', finishReason: toFinish(reason, raw), usage: this.#usage ?? NOTHING_KNOWN, ...metadata };
  }
}

const NOTHING_KNOWN: LanguageModelV3Usage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

/** Token counts in the SDK's form; all unknown where the provider sent none. */
export function toUsage(usage: Usage): LanguageModelV3Usage {
  if (usage.totalTokens === 0) return NOTHING_KNOWN;
  return {
    inputTokens: {
      total: usage.inputTokens,
      noCache: usage.inputTokens - usage.cachedTokens,
      cacheRead: usage.cachedTokens,
      cacheWrite: 0,
    },
    outputTokens: {
      total: usage.outputTokens,
      text: usage.outputTokens - usage.reasoningTokens,
      reasoning: usage.reasoningTokens,
    },
  };
}

/** A finish reason, beside the provider's own word for it. */
export function toFinish(reason: FinishReason, raw: string | undefined): LanguageModelV3FinishReason {
  return { unified: reason, raw };
}

/** A whole answer as content parts: reasoning, text, calls, sources. */
export function toContent(result: ChatResult): LanguageModelV3Content[] {
  return [
    ...(result.reasoning === '' ? [] : [{ type: 'reasoning', text: result.reasoning } as const]),
    ...(result.text === '' ? [] : [{ type: 'text', text: result.text } as const]),
    ...result.toolCalls.map(toToolCall),
    ...result.sources.map(toSource),
  ];
}

/** Warnings of a call in the SDK's form. */
export function toWarnings(result: Pick<ChatResult, 'warnings'>): SharedV3Warning[] {
  return result.warnings.map(({ code, message }) => ({ type: 'compatibility', feature: code, details: message }));
}

function toToolCall(call: ToolCall): Extract<LanguageModelV3Content, { type: 'tool-call' }> {
  const raw = call.raw === undefined ? {} : { providerMetadata: { [METADATA]: { raw: call.raw } } };
  // Arguments that cannot be read go on as they came, so that the SDK reports them as invalid.
  const input = call.error === undefined ? JSON.stringify(call.arguments) : (call.raw ?? '');
  return { type: 'tool-call', toolCallId: call.id, toolName: call.name, input, ...raw };
}

function toSource(source: Source, n: number): Extract<LanguageModelV3Content, { type: 'source' }> {
  const title = source.title === undefined ? {} : { title: source.title };
  return { type: 'source', sourceType: 'url', id: source.ref ?? `source-${n}`, url: source.url, ...title };
}
