import type { BoundWorkflow } from './define-workflow.ts';
import type { Message } from './model.ts';
import type { RunState, Turn } from './run-state.ts';

/** One exchange of an earlier run of the same conversation. */
export interface Exchange {
  readonly runId: string;
  readonly tool: string;
  readonly question: string;
  readonly answer: string;
}

/** The messages of the next call: system prompt once, the conversation, the task, the dialogue so far. */
export function buildPrompt(bound: BoundWorkflow, history: readonly Exchange[], state: RunState): Message[] {
  const task = bound.prompt();
  return [
    { role: 'system', content: bound.systemPrompt },
    ...history.flatMap(toMessages),
    { role: 'user', content: typeof task === 'string' ? task : [...task] },
    ...state.turns.map(toMessage),
  ];
}

function toMessages(exchange: Exchange): Message[] {
  return [
    { role: 'user', content: exchange.question },
    { role: 'assistant', content: exchange.answer },
  ];
}

function toMessage(turn: Turn): Message {
  if (turn.kind === 'user') return { role: 'user', content: turn.text };
  if (turn.kind === 'tool') return { role: 'tool', toolCallId: turn.callId, name: turn.name, content: turn.content };
  return {
    role: 'assistant',
    content: turn.text,
    ...(turn.reasoning === '' ? {} : { reasoning: turn.reasoning }),
    ...(turn.toolCalls.length === 0 ? {} : { toolCalls: [...turn.toolCalls] }),
  };
}
