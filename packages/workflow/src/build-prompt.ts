import { z } from 'zod';

import { Claim, REPORT_STEP } from './claim.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { EvidenceTool } from './evidence-tool.ts';
import type { FunctionTool, Message } from './model.ts';
import { workingOrder } from './nudges.ts';
import { turnChars } from './apply-record.ts';
import type { RunState, Turn } from './run-state.ts';
import type { StopReason } from './stop-reason.ts';

/** One exchange of an earlier run of the same conversation. */
export interface Exchange {
  readonly runId: string;
  readonly tool: string;
  readonly question: string;
  readonly answer: string;
}

/** Characters that count as one token in an estimate; code has about 3.5. */
export const CHARS_PER_TOKEN = 3.5;

/** Tool results of the newest steps are always whole. */
const WHOLE_STEPS = 2;

/** What a prompt is made from. */
export interface PromptParts {
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly history: readonly Exchange[];
  readonly state: RunState;
  /** Tokens the prompt may have. */
  readonly maxTokens: number;
}

/**
 * The messages of the next call: the system prompt once, the conversation, the task, the dialogue so far. When it would
 * be longer than allowed, results of older steps are shortened first (never those of a side effect), then reasoning,
 * then whole older steps go, with the last findings in their place.
 */
export function buildPrompt({ workflow, bound, history, state, maxTokens }: PromptParts): Message[] {
  const task = bound.prompt();
  const head: Message[] = [
    { role: 'system', content: systemText(workflow, bound) },
    ...history.flatMap(toExchange),
    { role: 'user', content: typeof task === 'string' ? task : [...task] },
  ];
  const room = maxTokens * CHARS_PER_TOKEN - JSON.stringify(head).length;
  return [...head, ...fitTurns(state, room).map(toMessage)];
}

/** The prompt of the final answer: the same, and a request to write it, with no tool to go on with. */
export function buildFinalPrompt(parts: PromptParts, stop: StopReason): Message[] {
  return [...buildPrompt(parts), { role: 'user', content: finalText(stop) }];
}

const REPORT_TOOL: FunctionTool = {
  name: REPORT_STEP,
  description: 'Report what is known after a step, or that the work is finished.',
  parameters: z.toJSONSchema(Claim, { io: 'input' }),
};

/** Tools as the model sees them, `report_step` first. */
export function toFunctionTools(tools: readonly EvidenceTool[]): FunctionTool[] {
  return [
    REPORT_TOOL,
    ...tools.map(({ name, description, parameters }) => ({
      name,
      description,
      parameters: z.toJSONSchema(parameters, { io: 'input' }),
    })),
  ];
}

/** Characters of everything in a prompt that is not the dialogue. */
export function fixedChars({ workflow, bound, history }: Pick<PromptParts, 'workflow' | 'bound' | 'history'>): number {
  const task = bound.prompt();
  const told = typeof task === 'string' ? task.length : JSON.stringify(task).length;
  const earlier = history.reduce((sum, { question, answer }) => sum + question.length + answer.length, 0);
  return systemText(workflow, bound).length + told + earlier;
}

function systemText(workflow: Workflow, bound: BoundWorkflow): string {
  return workflow.kind === 'chat' ? bound.systemPrompt : `${bound.systemPrompt}\n\n${workingOrder(bound.requirements)}`;
}

function fitTurns(state: RunState, room: number): readonly Turn[] {
  if (state.turnChars <= room) return state.turns;
  const whole = state.steps - WHOLE_STEPS;
  const shorter = state.turns.map((turn) => (turn.step <= whole ? shorten(turn) : turn));
  if (charsOf(shorter) <= room) return shorter;
  const silent = shorter.map((turn) =>
    turn.kind === 'assistant' && turn.step <= whole ? { ...turn, reasoning: '' } : turn,
  );
  return dropSteps(state, silent, room);
}

function shorten(turn: Turn): Turn {
  if (turn.kind !== 'tool' || turn.sideEffect) return turn;
  const short = `[shortened: ${turn.content.length} characters; call ${turn.name} again if they are needed]`;
  return short.length < turn.content.length ? { ...turn, content: short } : turn;
}

function dropSteps(state: RunState, turns: readonly Turn[], room: number): readonly Turn[] {
  const findings = state.claims.at(-1)?.claim.findings ?? '';
  let from = 1;
  const fits = (): boolean => charsOf(turns.filter((turn) => turn.step >= from)) + findings.length <= room;
  while (from <= state.steps - WHOLE_STEPS && !fits()) from += 1;
  const effects = turns.flatMap((turn) =>
    turn.kind === 'tool' && turn.sideEffect && turn.step < from
      ? [`Done earlier by ${turn.name}: ${turn.content}`]
      : [],
  );
  const summary = [`Steps before ${from} are left out.`, `Findings so far: ${findings}`, ...effects].join('\n');
  return [{ kind: 'user', step: from, text: summary }, ...turns.filter((turn) => turn.step >= from)];
}

function charsOf(turns: readonly Turn[]): number {
  return turns.reduce((sum, turn) => sum + turnChars(turn), 0);
}

function finalText(stop: StopReason): string {
  const answer = 'Write the final answer for the person who asked, complete in itself, with the places it rests on.';
  if (stop.kind === 'complete' && stop.gaps.length === 0) return `${answer} No tools are left.`;
  const reason = stop.kind === 'complete' ? `open: ${stop.gaps.join(', ')}` : stop.kind.replaceAll('_', ' ');
  return `The work ends here (${reason}). ${answer} Say plainly what is known, what is not, and what to look at next. No tools are left.`;
}

function toExchange(exchange: Exchange): Message[] {
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
