import { type JsonObject } from './json.ts';
import type { SimulatedProvider } from './persona-reply.ts';

/** Token counts as both dialects report them. */
export interface SimulatedUsage {
  readonly prompt: number;
  readonly completion: number;
  readonly reasoning: number;
  readonly cached: number;
}

/** A tool call as it goes onto the wire. */
export interface WireToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** What one answer shares among its chunks. */
export interface Envelope {
  readonly provider: SimulatedProvider;
  readonly id: string;
  readonly model: string;
  /** Epoch seconds. */
  readonly created: number;
}

/** An error of one of the dialects: HTTP status and body. */
export interface WireError {
  readonly status: number;
  readonly body: JsonObject;
}

/** GLM's error shape; codes are text. */
export function glmError(status: number, code: string, message: string): WireError {
  return { status, body: { error: { code, message } } };
}

/** Kimi's error shape. */
export function kimiError(status: number, type: string, message: string): WireError {
  return { status, body: { error: { type, message } } };
}

/** The usage object of a dialect. */
export function wireUsage(provider: SimulatedProvider, usage: SimulatedUsage): JsonObject {
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    prompt_tokens_details: { cached_tokens: usage.cached },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
    ...(provider === 'kimi' ? { cached_tokens: usage.cached } : {}),
  };
}

/** One chunk of a stream with the given delta; `extra` goes beside `choices`. */
export function wireChunk(envelope: Envelope, delta: JsonObject, extra: JsonObject = {}): JsonObject {
  return {
    ...head(envelope, 'chat.completion.chunk'),
    choices: [choice(envelope.provider, { delta }, null)],
    ...extra,
  };
}

/** The chunks that end a stream: the finish reason and the usage where this dialect puts it. */
export function wireEnding(
  envelope: Envelope,
  finishReason: string,
  usage: SimulatedUsage,
  includeUsage: boolean,
): JsonObject[] {
  const counted = wireUsage(envelope.provider, usage);
  if (envelope.provider === 'glm') {
    const last = choice('glm', { delta: { role: 'assistant', content: '' } }, finishReason);
    return [{ ...head(envelope, ''), choices: [last], usage: counted }];
  }
  const last = { ...choice('kimi', { delta: {} }, finishReason), usage: counted };
  const ending = [{ ...head(envelope, 'chat.completion.chunk'), choices: [last] }];
  if (!includeUsage) return ending;
  return [...ending, { ...head(envelope, 'chat.completion.chunk'), choices: [], usage: counted }];
}

/** A whole answer, for a request without `stream`. */
export function wireCompletion(
  envelope: Envelope,
  message: JsonObject,
  finishReason: string,
  usage: SimulatedUsage,
  extra: JsonObject = {},
): JsonObject {
  return {
    ...head(envelope, 'chat.completion'),
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finishReason }],
    usage: wireUsage(envelope.provider, usage),
    ...extra,
  };
}

/** A tool call inside a delta or a message; `index` only in deltas. */
export function wireToolCall(call: WireToolCall, index?: number): JsonObject {
  return {
    ...(index === undefined ? {} : { index }),
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  };
}

function head({ provider, id, model, created }: Envelope, object: string): JsonObject {
  if (provider === 'glm') return { id, created, model, request_id: id };
  return { id, object, created, model, system_fingerprint: 'fpv0_simulator' };
}

function choice(provider: SimulatedProvider, part: JsonObject, finishReason: string | null): JsonObject {
  // GLM leaves the key out until the end, Kimi sends null.
  const reason = provider === 'glm' && finishReason === null ? {} : { finish_reason: finishReason };
  return { index: 0, ...part, ...reason };
}
