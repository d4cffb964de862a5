import { type Envelope, type SimulatedUsage, wireChunk, wireEnding, wireUsage } from './dialect.ts';
import type { JsonObject } from './json.ts';
import type { SimulatedCall } from './persona-reply.ts';
import type { TranscriptPart } from './transcript.ts';

/** Usage that every shape reports, so that a test can tell a lost one from a counted one. */
export const SHAPE_USAGE: SimulatedUsage = { prompt: 100, completion: 20, reasoning: 8, cached: 64 };

/** Writes the parts of a shape in the dialect of the call. */
export class ShapeWriter {
  readonly call: SimulatedCall;
  readonly #envelope: Envelope;

  constructor(call: SimulatedCall) {
    this.call = call;
    const id = call.provider === 'kimi' ? 'chatcmpl-shape' : '20260101shape';
    this.#envelope = { provider: call.provider, id, model: call.model, created: 1_767_225_600 };
  }

  /** A chunk with one delta; `extra` goes beside `choices`. */
  delta(delta: JsonObject, extra: JsonObject = {}): TranscriptPart {
    return { event: this.chunk(delta, extra) };
  }

  chunk(delta: JsonObject, extra: JsonObject = {}): JsonObject {
    return wireChunk(this.#envelope, delta, extra);
  }

  text(content: string): TranscriptPart {
    return this.delta({ role: 'assistant', content });
  }

  reasoning(reasoning_content: string): TranscriptPart {
    return this.delta({ role: 'assistant', reasoning_content });
  }

  /** A chunk with the parts of tool calls as given. */
  tools(...tool_calls: readonly JsonObject[]): TranscriptPart {
    return this.delta({ tool_calls });
  }

  /** The finish reason with the usage where this dialect puts it, and `[DONE]`. */
  end(finishReason = 'stop'): TranscriptPart[] {
    return [...this.finish(finishReason), this.done()];
  }

  /** The finish reason and the usage, without `[DONE]`. */
  finish(finishReason: string): TranscriptPart[] {
    return wireEnding(this.#envelope, finishReason, SHAPE_USAGE, false).map((event) => ({ event }));
  }

  /** A finish chunk with the delta and members as given, and no usage. */
  bareFinish(finishReason: string, delta: JsonObject = {}, extra: JsonObject = {}): TranscriptPart {
    const chunk = this.chunk(delta, extra);
    return { event: { ...chunk, choices: [{ index: 0, delta, finish_reason: finishReason }] } };
  }

  usage(): JsonObject {
    return wireUsage(this.call.provider, SHAPE_USAGE);
  }

  done(): TranscriptPart {
    return { event: '[DONE]' };
  }
}

/** A tool call's part of a delta. */
export function toolPart(index: number | undefined, id: string, name: string, args: unknown): JsonObject {
  return { ...(index === undefined ? {} : { index }), id, type: 'function', function: { name, arguments: args } };
}
