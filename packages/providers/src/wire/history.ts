import type { Message, ToolCall } from '../chat/chat-model.ts';
import { Failure } from '../chat/failure.ts';
import type { Warning } from '../chat/warning.ts';

/** What stands for a text the providers would refuse as empty. */
const EMPTY_USER = '(empty message)';
const EMPTY_TOOL = '(no output)';
const NO_RESULT = '(no result)';

/** A conversation both providers accept, and what was changed to make it one. */
export interface History {
  readonly messages: readonly Message[];
  readonly warnings: readonly Warning[];
}

/**
 * Checks a conversation by the rules upstream enforces: no empty messages, no tool call without a name or an answer, no
 * answer without its call. What can be repaired without changing its meaning is repaired.
 *
 * @throws Failure with `INVALID_REQUEST` naming the message.
 */
export function repairHistory(messages: readonly Message[]): History {
  const out: Message[] = [];
  const warnings: Warning[] = [];
  const warn = (field: string, message: string): void => {
    warnings.push({ code: 'HISTORY_REPAIRED', message: `${field}: ${message}`, field });
  };
  let open: ToolCall[] = [];
  const close = (before: string): void => {
    for (const { id, name } of open) {
      warn(before, `the call ${JSON.stringify(id)} of ${name} has no answer; one was added`);
      out.push({ role: 'tool', toolCallId: id, name, content: NO_RESULT });
    }
    open = [];
  };
  for (const [i, message] of messages.entries()) {
    const field = `messages[${i}]`;
    if (message.role === 'tool') {
      const known = open.some((call) => call.id === message.toolCallId);
      if (!known) {
        warn(`${field}.toolCallId`, `no open call has the id ${JSON.stringify(message.toolCallId)}; it was left out`);
        continue;
      }
      open = open.filter((call) => call.id !== message.toolCallId);
      if (message.content === '') warn(`${field}.content`, 'an empty tool result was replaced');
      out.push(message.content === '' ? { ...message, content: EMPTY_TOOL } : message);
      continue;
    }
    close(field);
    const repaired = repairMessage(message, field, warn);
    if (repaired === undefined) continue;
    out.push(repaired);
    if (repaired.role === 'assistant') open = [...(repaired.toolCalls ?? [])];
  }
  close('messages');
  return { messages: out, warnings };
}

type Warn = (field: string, message: string) => void;

function repairMessage(message: Exclude<Message, { role: 'tool' }>, field: string, warn: Warn): Message | undefined {
  switch (message.role) {
    case 'system':
      if (message.content !== '') return message;
      warn(`${field}.content`, 'an empty system message was left out');
      return undefined;
    case 'user':
      if (!isEmptyContent(message.content)) return message;
      warn(`${field}.content`, 'an empty user message was replaced');
      return { role: 'user', content: EMPTY_USER };
    case 'assistant':
      return repairAssistant(message, field, warn);
    default:
      throw new Failure({
        code: 'INVALID_REQUEST',
        retryable: false,
        message: `${field}.role must be system, user, assistant or tool, got ${JSON.stringify(Reflect.get(message, 'role'))}`,
        field: `${field}.role`,
      });
  }
}

function repairAssistant(
  message: Extract<Message, { role: 'assistant' }>,
  field: string,
  warn: Warn,
): Message | undefined {
  const given = message.toolCalls ?? [];
  const calls = given.filter((call) => call.name !== '' && call.id !== '');
  if (calls.length < given.length) warn(`${field}.toolCalls`, 'a call without name or id was left out');
  if (calls.length === 0 && (message.content ?? '') === '') {
    warn(`${field}.content`, 'an empty assistant message was left out');
    return undefined;
  }
  return calls.length === given.length ? message : { ...message, toolCalls: calls };
}

function isEmptyContent(content: Extract<Message, { role: 'user' }>['content']): boolean {
  if (typeof content === 'string') return content === '';
  return content.every((part) => part.type === 'text' && part.text === '');
}
