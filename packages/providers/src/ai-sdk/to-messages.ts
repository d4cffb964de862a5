import type { LanguageModelV3FilePart, LanguageModelV3Message, LanguageModelV3Prompt } from '@ai-sdk/provider';

import type { ContentPart, Message, ToolCall } from '../chat/message.ts';
import { at, textOf } from '../json-value.ts';

type Assistant = Extract<LanguageModelV3Message, { role: 'assistant' }>;
type ToolTurn = Extract<LanguageModelV3Message, { role: 'tool' }>;
type ResultPart = Extract<ToolTurn['content'][number], { type: 'tool-result' }>;

/** Key under which raw tool arguments travel through the AI SDK, so that they come back byte for byte. */
export const METADATA = 'exai';

/** The AI SDK's conversation as ours. @throws RangeError for a file neither provider can read */
export function toMessages(prompt: LanguageModelV3Prompt): Message[] {
  return prompt.flatMap((message): Message[] => {
    switch (message.role) {
      case 'system':
        return [{ role: 'system', content: message.content }];
      case 'user':
        return [{ role: 'user', content: message.content.map((part) => (part.type === 'text' ? part : toFile(part))) }];
      case 'assistant':
        return [toAssistant(message)];
      case 'tool':
        return message.content.flatMap((part) => (part.type === 'tool-result' ? [toToolMessage(part)] : []));
      default:
        return message satisfies never;
    }
  });
}

function toAssistant(message: Assistant): Message {
  let content = '';
  let reasoning: string | undefined;
  const toolCalls: ToolCall[] = [];
  for (const part of message.content) {
    if (part.type === 'text') content += part.text;
    if (part.type === 'reasoning') reasoning = (reasoning ?? '') + part.text;
    if (part.type === 'tool-call' && part.providerExecuted !== true) {
      const raw = textOf(at(part.providerOptions, METADATA, 'raw'));
      const { toolCallId: id, toolName: name, input } = part;
      toolCalls.push({ id, name, arguments: input, ...(raw !== undefined && { raw }) });
    }
  }
  return {
    role: 'assistant',
    content,
    ...(reasoning !== undefined && { reasoning }),
    ...(toolCalls.length > 0 && { toolCalls }),
  };
}

function toToolMessage(part: ResultPart): Message {
  return { role: 'tool', toolCallId: part.toolCallId, name: part.toolName, content: toText(part.output) };
}

function toText(output: ResultPart['output']): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return `Denied: ${output.reason ?? 'the call was not approved'}`;
    case 'content':
      return output.value.map((one) => (one.type === 'text' ? one.text : `[${one.type}]`)).join('\n');
    default:
      return output satisfies never;
  }
}

function toFile({ data, mediaType }: LanguageModelV3FilePart): ContentPart {
  if (mediaType.startsWith('text/'))
    return { type: 'text', text: typeof data === 'string' ? fromBase64(data) : toUtf8(data) };
  const url = toUrl(data, mediaType);
  if (mediaType.startsWith('image/')) return { type: 'image', url };
  if (mediaType.startsWith('video/')) return { type: 'video', url };
  throw new RangeError(`a file must be an image, a video or text, got ${mediaType}`);
}

function toUrl(data: LanguageModelV3FilePart['data'], mediaType: string): string {
  if (data instanceof URL) return data.toString();
  const type = mediaType.endsWith('/*') ? mediaType.replace('*', 'png') : mediaType;
  return `data:${type};base64,${typeof data === 'string' ? data : toBase64(data)}`;
}

function toUtf8(data: Uint8Array | URL): string {
  return data instanceof URL ? data.toString() : new TextDecoder().decode(data);
}

function fromBase64(text: string): string {
  const binary = atob(text);
  return new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
}

/** Bytes per step: more arguments than this overflow the stack of a call. */
const STEP = 8192;

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let from = 0; from < bytes.length; from += STEP)
    binary += String.fromCharCode(...bytes.subarray(from, from + STEP));
  return btoa(binary);
}
