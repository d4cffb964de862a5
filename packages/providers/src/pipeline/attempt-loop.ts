import type { CallOptions, ChatEvent, ChatRequest } from '../chat/chat-model.ts';
import { Failure } from '../chat/failure.ts';
import type { GateAsk, GatePermit } from '../chat/gate.ts';
import type { PhaseBudgets, TimeoutContext, TimeoutKey } from '../timeouts/phase.ts';
import type { WireRequest } from '../wire/dialect.ts';
import { jsonProblem } from '../wire/json-check.ts';
import { type AttemptAnswer, runAttempt } from './attempt.ts';
import type { AttemptTask } from './attempt-task.ts';
import { withBudgets } from './call-budgets.ts';
import { sleep } from './call-clock.ts';
import type { CallReport } from './call-report.ts';
import type { Endpoint, SignedHeaders } from './endpoint.ts';
import { HedgedRace, type Lane, type Racer } from './hedge.ts';
import { estimatePrompt, hasVision, promptTexts } from './prompt-size.ts';
import type { ProviderRuntime } from './provider-runtime.ts';
import { redact } from './redact.ts';
import { takePermit } from './take-permit.ts';

/** Attempts at an answer that came empty. */
const EMPTY_RETRIES = 1;

/** What the attempts of one call have in common. */
export interface LoopContext {
  readonly runtime: ProviderRuntime;
  readonly endpoint: Endpoint;
  readonly options: CallOptions;
  readonly session: string;
  readonly report: CallReport;
  readonly signal: AbortSignal;
  /** Sees every event of an attempt. */
  readonly observe: (event: ChatEvent) => void;
  readonly room: () => Promise<void> | undefined;
  /** True when nobody sees events before the end, so that a broken answer may be asked for again. */
  readonly isBlind: boolean;
}

/** Gets one answer: breaker, permit, attempt, perhaps a hedge, and retries with back-off while they can help. */
export class AttemptLoop {
  readonly #context: LoopContext;
  #empties = 0;

  constructor(context: LoopContext) {
    this.#context = context;
  }

  /** @throws Failure */
  async answer(wire: WireRequest, request: ChatRequest): Promise<AttemptAnswer> {
    const { runtime, report, signal } = this.#context;
    for (let retry = 0; ; retry += 1) {
      const startedAt = runtime.clock.now();
      try {
        return await this.#guarded(wire, request, retry > 0);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        report.note(error, startedAt);
        const delayMs = this.#retryDelay(error, retry);
        if (delayMs === undefined) throw error;
        report.retry(error, delayMs);
        await sleep(runtime.clock, delayMs, signal);
      }
    }
  }

  /** Milliseconds to wait before the next attempt; `undefined` when there is none. */
  #retryDelay(failure: Failure, retry: number): number | undefined {
    const { runtime, options, signal, isBlind } = this.#context;
    const { error } = failure;
    if (!error.retryable || signal.aborted) return undefined;
    if (failure.emitted && !isBlind) return undefined;
    if (retry >= (options.retries ?? runtime.retry.retries)) return undefined;
    if (error.code === 'EMPTY_RESPONSE' && this.#empties++ >= EMPTY_RETRIES) return undefined;
    const delayMs = runtime.retry.delayMs(retry, error);
    if (delayMs === undefined) return undefined;
    const { deadlineAt } = options;
    if (deadlineAt !== undefined && runtime.clock.epoch() + delayMs >= deadlineAt) return undefined;
    return runtime.retry.spend() ? delayMs : undefined;
  }

  async #guarded(wire: WireRequest, request: ChatRequest, isRetry: boolean): Promise<AttemptAnswer> {
    const { runtime, endpoint } = this.#context;
    const breaker = runtime.breaker(endpoint.info.id);
    const closedForMs = breaker?.admit();
    if (closedForMs !== undefined) throw new Failure(circuitOpen(endpoint.info.id, closedForMs));
    let how: 'ok' | 'failed' | 'ignored' = 'ignored';
    try {
      const answer = await this.#send(wire, request, isRetry);
      how = 'ok';
      return answer;
    } catch (error) {
      if (error instanceof Failure && isProvidersFault(error)) how = 'failed';
      throw error;
    } finally {
      breaker?.settle(how);
    }
  }

  async #send(wire: WireRequest, request: ChatRequest, isRetry: boolean): Promise<AttemptAnswer> {
    const { endpoint, signal, options, report } = this.#context;
    const signed = await endpoint.sign();
    const budgets = await this.#budgets();
    const task = this.#task(wire, request, { signed, budgets });
    const permit = await this.#permit(isRetry);
    const number = report.sent;
    const first: Racer = (lane) => runAttempt(this.#context.runtime, { ...task(number, lane), permit });
    const answered =
      options.hedge === true
        ? await new HedgedRace({ signal, emit: this.#context.observe, second: () => this.#second(task) }).run(first)
        : await first({ signal, emit: this.#context.observe });
    checkOutput(answered, request);
    return answered;
  }

  /** A second attempt, when budget and gate have room for it right now. */
  #second(task: (number: number, lane: Lane) => Omit<AttemptTask, 'permit'>): Racer | undefined {
    const { runtime, report } = this.#context;
    const { gate, retry } = runtime;
    const permit = gate?.tryAcquire?.({ ...this.#ask(), provider: runtime.gateKey });
    if (gate !== undefined && permit === undefined) return undefined;
    if (!retry.spend()) {
      permit?.release('ignore');
      return undefined;
    }
    report.hedge();
    const number = report.attempt(0, false);
    return (lane) => runAttempt(runtime, { ...task(number, lane), permit });
  }

  #task(
    wire: WireRequest,
    request: ChatRequest,
    { signed, budgets }: { signed: SignedHeaders; budgets: AttemptTask['budgets'] },
  ): (number: number, lane: Lane) => Omit<AttemptTask, 'permit'> {
    const { endpoint, report, room } = this.#context;
    const shared = {
      dialect: endpoint.dialect,
      url: endpoint.url,
      headers: signed.headers,
      body: JSON.stringify(wire.body),
      toolNames: wire.toolNames,
      badLines: endpoint.badLines,
      key: this.#key(wire, request),
      context: this.#timeoutContext(request),
      budgets,
      room,
      redact: (message: string) => redact(message, signed.secrets, promptTexts(request)),
    };
    return (number, { signal, emit, onUsage }) => ({
      ...shared,
      signal,
      emit,
      onUsage,
      onStart: (servedModel) => report.start(number, servedModel),
      onFirstToken: (ms) => report.firstToken(ms),
    });
  }

  async #permit(isRetry: boolean): Promise<GatePermit | undefined> {
    const { runtime, report, signal } = this.#context;
    const askedAt = runtime.clock.now();
    if (runtime.gate !== undefined) report.waiting();
    const permit = await takePermit(runtime, { ...this.#ask(), ...(isRetry && { retry: true }) }, signal);
    report.attempt(runtime.clock.now() - askedAt, permit !== undefined);
    return permit;
  }

  #ask(): Omit<GateAsk, 'provider' | 'signal'> {
    const { deadlineAt, priority } = this.#context.options;
    return {
      session: this.#context.session,
      ...(deadlineAt !== undefined && { deadlineAt }),
      ...(priority !== undefined && { priority }),
    };
  }

  /** How the learned budgets are changed for this call. */
  async #budgets(): Promise<(learned: PhaseBudgets) => PhaseBudgets> {
    const { runtime, options } = this.#context;
    const { timeouts } = options;
    const limitMs = await runtime.transport.limitMs();
    return (learned) => {
      if (timeouts === 'off') return withBudgets(learned, () => Number.POSITIVE_INFINITY);
      const chosen = timeouts === undefined ? learned : withBudgets(learned, (phase, ms) => timeouts[phase] ?? ms);
      return withBudgets(chosen, (phase, ms) => (phase === 'total' ? ms : this.#capped(ms, limitMs)));
    };
  }

  /** Without undici the platform's own timer would end a longer silence with an error that says nothing. */
  #capped(ms: number, limitMs: number): number {
    if (ms <= limitMs || ms === Number.POSITIVE_INFINITY) return Math.min(ms, limitMs);
    if (this.#context.runtime.noteCapped()) {
      const message = `silence budgets are cut to ${limitMs} ms, since Node's own fetch ends any silence at 300 s: install undici`;
      this.#context.observe({ type: 'warning', code: 'BUDGET_CAPPED', message });
    }
    return limitMs;
  }

  #key(wire: WireRequest, request: ChatRequest): TimeoutKey {
    const { info, baseURL, dialect } = this.#context.endpoint;
    return {
      provider: dialect.provider,
      model: info.id,
      endpoint: baseURL,
      thinking: wire.thinking,
      webSearch: request.webSearch !== undefined && request.webSearch !== false,
      tools: (request.tools?.length ?? 0) > 0,
      vision: hasVision(request),
      bufferedArgs: wire.bufferedArgs,
    };
  }

  #timeoutContext(request: ChatRequest): TimeoutContext {
    const { deadlineAt } = this.#context.options;
    const maxTokens = request.maxOutputTokens;
    return {
      promptTokens: estimatePrompt(request),
      ...(maxTokens !== undefined && { maxTokens }),
      ...(deadlineAt !== undefined && { deadlineAt }),
    };
  }
}

/** Fails an answer that is not the JSON it was asked to be. */
function checkOutput({ answer, reason }: AttemptAnswer, { output }: ChatRequest): void {
  if (output?.type !== 'json' || reason !== 'stop') return;
  const problem = jsonProblem(answer.text, output.schema);
  if (problem === undefined) return;
  throw new Failure(
    { code: 'MALFORMED_OUTPUT', retryable: true, message: problem },
    { emitted: true, partial: { text: answer.text, reasoning: answer.reasoning } },
  );
}

/** Kinds of failure that say that the provider, not the request, is in trouble. */
function isProvidersFault({ error }: Failure): boolean {
  const { code } = error;
  return code === 'TIMEOUT' || code === 'OVERLOADED' || code === 'SERVER_ERROR' || code === 'NETWORK';
}

function circuitOpen(model: string, retryAfterMs: number): Failure['error'] {
  const message = `${model} failed too often lately and is left alone`;
  return { code: 'CIRCUIT_OPEN', retryable: false, message, retryAfterMs };
}
