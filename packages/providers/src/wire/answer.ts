import type { ChatEvent, FinishReason, Source } from '../chat/chat-model.ts';
import type { ToolCall } from '../chat/message.ts';
import type { ErrorClass } from '../chat/provider-error.ts';
import { NO_USAGE, type Usage } from '../chat/usage.ts';
import type { Delta } from './delta.ts';
import type { Dialect } from './dialect.ts';
import type { Guarded, TextGuard } from './text-guard.ts';
import { ToolCalls, type ToolEvent } from './tool-calls.ts';

/** The events an answer is made of. */
export type AnswerEvent = Extract<
  ChatEvent,
  { type: 'reasoning' | 'text' | 'tool-start' | 'tool-delta' | 'tool-call' | 'source' | 'warning' }
>;

/** How an answer ended: well, or as a failure. */
export type AnswerEnd = { readonly reason: FinishReason } | { readonly error: ErrorClass };

/** Builds one answer out of deltas, and says at the end whether it is one. */
export class Answer {
  text = '';
  reasoning = '';
  usage: Usage = NO_USAGE;
  servedModel: string | undefined;
  rawReason: string | undefined;
  readonly toolCalls: ToolCall[] = [];
  readonly sources: Source[] = [];
  #error: ErrorClass | undefined;
  readonly #dialect: Dialect;
  readonly #names: ReadonlyMap<string, string>;
  readonly #emit: (event: AnswerEvent) => void;
  readonly #calls: ToolCalls;
  readonly #guard: TextGuard | undefined;

  constructor(options: {
    dialect: Dialect;
    toolNames: ReadonlyMap<string, string>;
    emit: (event: AnswerEvent) => void;
  }) {
    this.#dialect = options.dialect;
    this.#names = options.toolNames;
    this.#emit = options.emit;
    this.#guard = options.dialect.textGuard?.();
    this.#calls = new ToolCalls((event) => this.#onTool(event), options.dialect.toolId);
  }

  /** The failure the stream itself reported. */
  get error(): ErrorClass | undefined {
    return this.#error;
  }

  /** True when a tool call has begun. */
  get hasCalls(): boolean {
    return this.#calls.size > 0 || this.toolCalls.length > 0;
  }

  /** True once the provider said why it stopped. */
  get isFinished(): boolean {
    return this.rawReason !== undefined;
  }

  apply(delta: Delta, now: number): void {
    switch (delta.type) {
      case 'text':
        if (this.#guard === undefined) this.#addText(delta.delta);
        else this.#addGuarded(this.#guard.push(delta.delta));
        return;
      case 'reasoning':
        this.#addReasoning(delta.delta);
        return;
      case 'tool':
        this.#calls.add(delta);
        return;
      case 'source':
        this.sources.push(delta.source);
        this.#emit(delta);
        return;
      case 'usage':
        this.usage = delta.usage;
        return;
      case 'model':
        this.servedModel ??= delta.model;
        return;
      case 'finish':
        this.rawReason ??= delta.reason;
        return;
      case 'error':
        this.#error ??= this.#dialect.toError({ body: delta.body, now });
        return;
    }
  }

  /** Ends the answer after the last byte. */
  end(): AnswerEnd {
    if (this.#guard !== undefined) this.#addGuarded(this.#guard.end());
    if (this.#error !== undefined) return { error: this.#error };
    if (this.rawReason === undefined) return { error: truncated(this.#calls.size > 0) };
    const meaning = this.#dialect.toFinish(this.rawReason);
    if (typeof meaning === 'object') return { error: meaning };
    const nameless = this.#calls.finish();
    if (meaning === undefined) this.#warnUnknown(this.rawReason);
    return this.#judge(meaning ?? 'stop', nameless);
  }

  #judge(reason: FinishReason, nameless: number): AnswerEnd {
    const hasCalls = this.toolCalls.length > 0;
    if (reason === 'content-filter') return { reason };
    if (nameless > 0 && !hasCalls) return { error: malformed('a tool call came without a name') };
    if (reason === 'tool-calls' && !hasCalls)
      return { error: malformed('the model announced tool calls and sent none') };
    if (this.text === '' && !hasCalls) return { error: empty(reason, this.reasoning !== '') };
    return { reason: reason === 'stop' && hasCalls ? 'tool-calls' : reason };
  }

  #addText(delta: string): void {
    if (delta === '') return;
    this.text += delta;
    this.#emit({ type: 'text', delta });
  }

  #addReasoning(delta: string): void {
    if (delta === '') return;
    this.reasoning += delta;
    this.#emit({ type: 'reasoning', delta });
  }

  #addGuarded(guarded: Guarded): void {
    this.#addReasoning(guarded.reasoning);
    this.#addText(guarded.text);
    for (const call of guarded.calls) this.#calls.add(call);
    if (guarded.calls.length > 0) {
      this.#emit({
        type: 'warning',
        code: 'TOOL_CALL_REPAIRED',
        message: 'a tool call came as text and was read from it',
      });
    }
    if (guarded.broken !== undefined) this.#error ??= malformed(guarded.broken);
  }

  #onTool(event: ToolEvent): void {
    if (event.type === 'tool-delta') {
      this.#emit(event);
      return;
    }
    if (event.type === 'tool-start') {
      this.#emit({ ...event, name: this.#names.get(event.name) ?? event.name });
      return;
    }
    const call = { ...event.call, name: this.#names.get(event.call.name) ?? event.call.name };
    this.toolCalls.push(call);
    if (event.repaired) {
      const message = `the arguments of ${call.name} were repaired`;
      this.#emit({ type: 'warning', code: 'TOOL_CALL_REPAIRED', message });
    }
    this.#emit({ type: 'tool-call', index: event.index, call });
  }

  #warnUnknown(reason: string): void {
    const message = `finish_reason ${JSON.stringify(reason.slice(0, 40))} is not known; taken as stop`;
    this.#emit({ type: 'warning', code: 'UNKNOWN_FINISH', message });
  }
}

function truncated(inCall: boolean): ErrorClass {
  const where = inCall ? ' inside a tool call' : '';
  return { code: 'TRUNCATED', retryable: true, message: `the stream ended without a finish reason${where}` };
}

function malformed(message: string): ErrorClass {
  return { code: 'MALFORMED_OUTPUT', retryable: true, message };
}

function empty(reason: FinishReason, reasoned: boolean): ErrorClass {
  const code = 'EMPTY_RESPONSE';
  if (reason === 'length') {
    const message = 'the token limit was used up before the answer began';
    return { code, retryable: false, message, upstreamCode: 'length', hint: 'raise maxOutputTokens: reasoning counts' };
  }
  const message = reasoned ? 'the model reasoned and then answered nothing' : 'the model answered nothing';
  return { code, retryable: true, message, upstreamCode: reason };
}
