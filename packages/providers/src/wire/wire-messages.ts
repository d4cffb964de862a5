import type { Message, ToolCall } from '../chat/chat-model.ts';

/** How one provider wants its assistant turns. */
export interface MessageStyle {
  readonly toolName: (name: string) => string;
  /** `always`: every assistant turn carries its reasoning, be it empty · `present`: where there is some · `never`. */
  readonly reasoning: 'always' | 'present' | 'never';
}

/** The messages of a conversation in the OpenAI-like form both providers speak. Ids stay byte for byte. */
export function toWireMessages(messages: readonly Message[], style: MessageStyle): Record<string, unknown>[] {
  return messages.map((message) => toWireMessage(message, style));
}

function toWireMessage(message: Message, style: MessageStyle): Record<string, unknown> {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user':
      return { role: 'user', content: toContent(message.content) };
    case 'tool':
      return {
        role: 'tool',
        tool_call_id: message.toolCallId,
        name: style.toolName(message.name),
        content: message.content,
      };
    case 'assistant':
      return toAssistant(message, style);
    default:
      return message satisfies never;
  }
}

function toAssistant(message: Extract<Message, { role: 'assistant' }>, style: MessageStyle): Record<string, unknown> {
  const calls = message.toolCalls ?? [];
  const text = message.content ?? '';
  const reasoning = message.reasoning ?? '';
  const withReasoning = style.reasoning === 'always' || (style.reasoning === 'present' && reasoning !== '');
  return {
    role: 'assistant',
    // An empty text beside tool calls is refused by both.
    ...(text !== '' && { content: text }),
    ...(withReasoning && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls.map((call) => toWireCall(call, style)) }),
  };
}

function toWireCall(call: ToolCall, style: MessageStyle): Record<string, unknown> {
  return {
    id: call.id,
    type: 'function',
    function: { name: style.toolName(call.name), arguments: argumentsText(call) },
  };
}

/** The arguments as they came, where they are JSON; a broken call is replayed as one without arguments. */
function argumentsText(call: ToolCall): string {
  if (call.error !== undefined) return '{}';
  const raw = call.raw ?? '';
  return raw.trimStart().startsWith('{') ? raw : JSON.stringify(call.arguments ?? {});
}

function toContent(content: Extract<Message, { role: 'user' }>['content']): unknown {
  if (typeof content === 'string') return content;
  return content
    .filter((part) => part.type !== 'text' || part.text !== '')
    .map((part) => {
      if (part.type === 'text') return { type: 'text', text: part.text };
      if (part.type === 'image') return { type: 'image_url', image_url: { url: part.url } };
      return { type: 'video_url', video_url: { url: part.url } };
    });
}
