import type { Answer } from './answer.ts';
import { type Envelope, type SimulatedUsage, wireChunk, wireCompletion, wireEnding, wireToolCall } from './dialect.ts';
import type { JsonObject } from './json.ts';
import type { LatencyPlan } from './latency.ts';
import type { Step } from './playback.ts';
import { cutText } from './tokens.ts';
import { sseEvent } from './transcript.ts';

/** Most deltas of one kind in a simulated answer; longer texts come in longer pieces. */
const MOST_DELTAS = 64;

/** How the deltas of an answer go out. */
export interface StreamStyle {
  readonly includeUsage: boolean;
  /** True when the arguments of a tool call come in one piece after a silence. */
  readonly bufferedArgs: boolean;
}

/** The events of a streamed answer, spread over the planned time; the last one ends exactly with it. */
export function streamSteps(
  envelope: Envelope,
  answer: Answer,
  usage: SimulatedUsage,
  plan: LatencyPlan,
  style: StreamStyle,
): Step[] {
  const steps: Step[] = [];
  let at = plan.firstTokenMs;
  const role = envelope.provider === 'kimi' ? [wireChunk(envelope, { role: 'assistant', content: '' })] : [];
  const spread = (chunks: readonly JsonObject[], overMs: number): void => {
    for (const [i, chunk] of chunks.entries()) {
      steps.push({ atMs: at + (overMs * i) / chunks.length, write: sseEvent(chunk) });
    }
    at += overMs;
  };
  spread(role, 0);
  if (answer.sources.length > 0)
    spread([wireChunk(envelope, { role: 'assistant', content: '' }, { web_search: answer.sources })], 0);
  const reasoning = cutText(answer.reasoning, MOST_DELTAS).map((reasoning_content) =>
    wireChunk(envelope, { role: 'assistant', reasoning_content }),
  );
  const texts = cutText(answer.text, MOST_DELTAS).map((content) => wireChunk(envelope, { role: 'assistant', content }));
  const tools = answer.toolCalls.flatMap((call, index) => toolChunks(envelope, call, index, style.bufferedArgs));
  const half = Math.ceil(reasoning.length / 2);
  const reasoningMs = reasoning.length > 0 ? plan.reasoningMs : 0;
  spread(reasoning.slice(0, half), reasoningMs / 2);
  at += plan.pauseMs;
  spread(reasoning.slice(half), reasoningMs / 2);
  spread([...texts, ...tools], plan.textMs + plan.reasoningMs - reasoningMs);
  const ending = wireEnding(envelope, answer.finishReason, usage, style.includeUsage).map(sseEvent).join('');
  steps.push({ atMs: at, write: `${ending}${sseEvent('[DONE]')}`, close: 'end' });
  return steps;
}

/** The one step of an answer that is not streamed. */
export function wholeSteps(envelope: Envelope, answer: Answer, usage: SimulatedUsage, plan: LatencyPlan): Step[] {
  const message = {
    content: answer.text,
    ...(answer.reasoning === '' ? {} : { reasoning_content: answer.reasoning }),
    ...(answer.toolCalls.length === 0 ? {} : { tool_calls: answer.toolCalls.map((call) => wireToolCall(call)) }),
  };
  const extra = answer.sources.length === 0 ? {} : { web_search: answer.sources };
  const body = wireCompletion(envelope, message, answer.finishReason, usage, extra);
  const atMs = plan.firstTokenMs + plan.reasoningMs + plan.pauseMs + plan.textMs;
  return [{ atMs, write: JSON.stringify(body), close: 'end' }];
}

function toolChunks(
  envelope: Envelope,
  call: Answer['toolCalls'][number],
  index: number,
  buffered: boolean,
): JsonObject[] {
  if (buffered) return [wireChunk(envelope, { role: 'assistant', tool_calls: [wireToolCall(call, index)] })];
  const opening = wireToolCall({ ...call, arguments: '' }, index);
  const pieces = cutText(call.arguments, MOST_DELTAS).map((piece) => ({ index, function: { arguments: piece } }));
  return [opening, ...pieces].map((part) => wireChunk(envelope, { tool_calls: [part] }));
}
