import type { ChatRequest, Message } from '../chat/chat-model.ts';

/** Characters per token of Latin text, and tokens per Chinese, Japanese or Korean character. */
const CHARS_PER_TOKEN = 4;
const TOKENS_PER_WIDE_CHAR = 0.6;
const WIDE = /[\u3000-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\uFF00-\uFFEF]/g;
/** Longest sample that is looked at for wide characters. */
const SAMPLE = 4096;

/** Rough number of tokens of a text; the provider's own count comes from `countTokens`. */
export function estimateTokens(text: string): number {
  const sample = text.slice(0, SAMPLE);
  const wide = sample.length === 0 ? 0 : (sample.match(WIDE)?.length ?? 0) / sample.length;
  return Math.ceil(text.length * (wide * TOKENS_PER_WIDE_CHAR + (1 - wide) / CHARS_PER_TOKEN));
}

/** Every text of the prompt. */
export function promptTexts(request: ChatRequest): string[] {
  return request.messages.flatMap(messageTexts);
}

/** Rough number of prompt tokens. */
export function estimatePrompt(request: ChatRequest): number {
  const texts = promptTexts(request).reduce((sum, text) => sum + estimateTokens(text), 0);
  const tools = request.tools === undefined ? 0 : estimateTokens(JSON.stringify(request.tools));
  return texts + tools;
}

/** True when a message shows an image or a video. */
export function hasVision(request: ChatRequest): boolean {
  return request.messages.some(
    (message) =>
      message.role === 'user' &&
      typeof message.content !== 'string' &&
      message.content.some((part) => part.type !== 'text'),
  );
}

function messageTexts(message: Message): string[] {
  switch (message.role) {
    case 'system':
    case 'tool':
      return [message.content];
    case 'user':
      return typeof message.content === 'string'
        ? [message.content]
        : message.content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
    case 'assistant':
      return [message.content, message.reasoning, ...(message.toolCalls ?? []).map((call) => call.raw)].filter(
        (text) => text !== undefined,
      );
    default:
      return message satisfies never;
  }
}
