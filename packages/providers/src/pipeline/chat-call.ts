import type { CallOptions, ChatEvent, ChatRequest, ChatResult, Message, Source, ToolCall } from '../chat/chat-model.ts';
import { Failure } from '../chat/failure.ts';
import { ProviderError } from '../chat/provider-error.ts';
import { addUsage, costOf, NO_USAGE, type Usage } from '../chat/usage.ts';
import type { Warning } from '../chat/warning.ts';
import type { WireRequest } from '../wire/dialect.ts';
import { abortable } from './abortable.ts';
import type { AttemptAnswer } from './attempt.ts';
import { AttemptLoop } from './attempt-loop.ts';
import { CallReport } from './call-report.ts';
import type { Endpoint } from './endpoint.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import { MOST_ROUNDS, type ServerTools } from './server-tools.ts';

/** Who gets the events of a call. */
export interface CallSink {
  readonly emit: (event: ChatEvent) => void;
  /** Resolves when the reader has room; `undefined` when it has; rejects when it takes too long. */
  readonly room: () => Promise<void> | undefined;
  /** True when nobody sees events before the end, so that a broken answer may be asked for again. */
  readonly isBlind: boolean;
}

/** What all rounds of a call gave together. */
interface Collected {
  text: string;
  reasoning: string;
  sources: Source[];
  usage: Usage;
}

/** One call: every attempt and every round of the provider's own tools, under one deadline and one signal. */
export class ChatCall {
  readonly #runtime: ProviderRuntime;
  readonly #endpoint: Endpoint;
  readonly #request: ChatRequest;
  readonly #options: CallOptions;
  readonly #report: CallReport;
  readonly #loop: AttemptLoop;
  readonly #controller = new AbortController();
  readonly #collected: Collected = { text: '', reasoning: '', sources: [], usage: NO_USAGE };
  /** Indices, in this round, of calls the adapter answers itself. */
  readonly #hidden = new Set<number>();
  #tools: ServerTools | undefined;

  constructor(
    runtime: ProviderRuntime,
    endpoint: Endpoint,
    call: { request: ChatRequest; options: CallOptions; session: string; sink: CallSink },
  ) {
    const { request, options, sink } = call;
    this.#runtime = runtime;
    this.#endpoint = endpoint;
    this.#request = request;
    this.#options = options;
    this.#report = new CallReport(runtime, endpoint, { options, emit: sink.emit });
    this.#loop = new AttemptLoop({
      runtime,
      endpoint,
      options,
      session: options.session ?? call.session,
      report: this.#report,
      signal: this.#controller.signal,
      observe: (event) => this.#observe(event),
      room: sink.room,
      isBlind: sink.isBlind,
    });
  }

  abort(reason: unknown): void {
    this.#controller.abort(Failure.aborted(reason));
  }

  /** @throws ProviderError */
  async run(): Promise<ChatResult> {
    const unbind = this.#bind();
    try {
      this.#throwIfAborted();
      const last = await this.#rounds();
      const result = this.#toResult(last);
      this.#report.finish(result, last.answer.rawReason);
      return result;
    } catch (error) {
      throw this.#report.fail(this.#toFailure(error));
    } finally {
      unbind();
    }
  }

  /** Ties the call to its caller's signal and deadline. */
  #bind(): () => void {
    const { signal, deadlineAt } = this.#options;
    const onAbort = (): void => this.#controller.abort(Failure.aborted(signal?.reason));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    const cancel = deadlineAt === undefined ? undefined : this.#armDeadline(deadlineAt);
    return () => {
      signal?.removeEventListener('abort', onAbort);
      cancel?.();
    };
  }

  #armDeadline(deadlineAt: number): () => void {
    const { clock } = this.#runtime;
    const pass = (): void => this.#controller.abort(Failure.deadline('before the answer was complete'));
    const leftMs = deadlineAt - clock.epoch();
    if (leftMs > 0) return clock.after(leftMs, pass);
    pass();
    return () => undefined;
  }

  /** Asks until the model wants no more of the provider's own tools. */
  async #rounds(): Promise<AttemptAnswer> {
    this.#tools = await this.#prepareTools();
    let request = this.#withTools(this.#request);
    let wire = this.#toWire(request, true);
    this.#runtime.retry.credit();
    for (let round = 1; ; round += 1) {
      this.#hidden.clear();
      const answered = await this.#loop.answer(wire, request);
      const own = this.#collect(answered);
      if (own.length === 0) return answered;
      if (own.length < answered.answer.toolCalls.length) return this.#withoutOwn(answered, own);
      if (round === MOST_ROUNDS) throw new Failure(tooManyRounds(), { emitted: true, partial: this.#collected });
      request = { ...request, messages: [...request.messages, ...(await this.#answerOwn(answered, own))] };
      wire = this.#toWire(request, false);
    }
  }

  async #prepareTools(): Promise<ServerTools | undefined> {
    const { serverTools } = this.#endpoint;
    if (serverTools === undefined) return undefined;
    return abortable(serverTools(this.#request, this.#controller.signal), this.#controller.signal);
  }

  #withTools(request: ChatRequest): ChatRequest {
    const offered = this.#tools?.tools ?? [];
    return offered.length === 0 ? request : { ...request, tools: [...(request.tools ?? []), ...offered] };
  }

  #toWire(request: ChatRequest, isFirst: boolean): WireRequest {
    const wire = this.#endpoint.dialect.toRequest(request, this.#endpoint.info);
    if (isFirst) this.#warn(wire.warnings);
    return wire;
  }

  /** Adds an answer to the result; the calls in it that are the adapter's to answer. */
  #collect({ answer, lost }: AttemptAnswer): ToolCall[] {
    this.#collected.text += answer.text;
    this.#collected.reasoning += answer.reasoning;
    this.#collected.sources.push(...answer.sources);
    this.#collected.usage = addUsage(this.#collected.usage, answer.usage);
    if (lost !== undefined) this.#collectLost(lost);
    const tools = this.#tools;
    return tools === undefined ? [] : answer.toolCalls.filter((call) => tools.handles(call.name));
  }

  /** A hedge is billed twice: the tokens of the attempt that lost are the call's too. */
  #collectLost({ usage, isKnown }: NonNullable<AttemptAnswer['lost']>): void {
    this.#collected.usage = addUsage(this.#collected.usage, usage);
    if (isKnown) return;
    const message = 'the slower of two attempts was cut before it told its tokens: usage and cost are without them';
    this.#report.observe({ type: 'warning', code: 'HEDGE_USAGE_UNKNOWN', message });
  }

  /** Beside calls of the caller, the provider's own cannot be answered yet and are left out. */
  #withoutOwn(answered: AttemptAnswer, own: readonly ToolCall[]): AttemptAnswer {
    const message = `${own.map((call) => call.name).join(', ')} was called beside the caller's own tools and was left out`;
    this.#report.observe({ type: 'warning', code: 'SERVER_TOOL_SKIPPED', message });
    return answered;
  }

  async #answerOwn({ answer }: AttemptAnswer, own: readonly ToolCall[]): Promise<Message[]> {
    const messages: Message[] = [
      { role: 'assistant', content: answer.text, reasoning: answer.reasoning, toolCalls: own },
    ];
    for (const call of own) {
      this.#report.emit({ type: 'server-tool', name: call.name, state: 'start', input: call.arguments });
      messages.push({ role: 'tool', toolCallId: call.id, name: call.name, content: await this.#runOwn(call) });
      this.#report.emit({ type: 'server-tool', name: call.name, state: 'end' });
    }
    return messages;
  }

  async #runOwn(call: ToolCall): Promise<string> {
    const { signal } = this.#controller;
    if (this.#tools === undefined) return '';
    const { content, sources = [] } = await abortable(this.#tools.run(call, signal), signal);
    for (const source of sources) {
      this.#collected.sources.push(source);
      this.#report.emit({ type: 'source', source });
    }
    return content;
  }

  /** Hides the calls the adapter answers itself. */
  #observe(event: ChatEvent): void {
    if (event.type === 'tool-start') {
      if (this.#tools?.handles(event.name) === true) this.#hidden.add(event.index);
      else this.#hidden.delete(event.index);
    }
    const isTool = event.type === 'tool-start' || event.type === 'tool-delta' || event.type === 'tool-call';
    if (isTool && this.#hidden.has(event.index)) return;
    this.#report.observe(event);
  }

  #warn(warnings: readonly Warning[]): void {
    const first = warnings[0];
    if (first !== undefined && this.#endpoint.strict) {
      const field = first.field === undefined ? {} : { field: first.field };
      throw new Failure({ code: 'INVALID_REQUEST', retryable: false, message: first.message, ...field });
    }
    for (const { code, message } of warnings) this.#report.observe({ type: 'warning', code, message });
  }

  #toResult({ answer, reason }: AttemptAnswer): ChatResult {
    const { price, id } = this.#endpoint.info;
    const { servedModel, requestId, sent, waitMs, firstTokenMs, elapsedMs, warnings } = this.#report;
    const { text, reasoning, sources, usage } = this.#collected;
    const tools = this.#tools;
    return {
      text,
      reasoning,
      toolCalls: answer.toolCalls.filter((call) => tools?.handles(call.name) !== true),
      sources,
      usage,
      // Without token counts the cost is not zero but unknown.
      ...(price !== undefined && usage.totalTokens > 0 && { cost: costOf(usage, price) }),
      finishReason: reason,
      model: id,
      ...(servedModel !== undefined && { servedModel }),
      requestId,
      attempts: sent,
      timings: { waitMs, firstTokenMs: firstTokenMs ?? elapsedMs, totalMs: elapsedMs },
      warnings,
    };
  }

  #toFailure(error: unknown): Failure {
    if (error instanceof Failure) return error;
    if (this.#controller.signal.aborted) {
      const reason: unknown = this.#controller.signal.reason;
      return reason instanceof Failure ? reason : Failure.aborted(reason);
    }
    if (ProviderError.is(error)) return new Failure(error, { cause: error.cause });
    const message = error instanceof Error ? error.message : String(error);
    return new Failure({ code: 'INVALID_REQUEST', retryable: false, message }, { cause: error });
  }

  #throwIfAborted(): void {
    if (this.#controller.signal.aborted) throw this.#controller.signal.reason;
  }
}

function tooManyRounds(): Failure['error'] {
  const message = `the model asked for the provider's tools ${MOST_ROUNDS} times without an answer`;
  return { code: 'MALFORMED_OUTPUT', retryable: false, message };
}
