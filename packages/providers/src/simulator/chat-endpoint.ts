import type { IncomingMessage, ServerResponse } from 'node:http';

import type { AccountGate } from './account-limits.ts';
import type { Accounts } from './accounts.ts';
import { type Answer, limitAnswer, searchesWeb, toAnswer } from './answer.ts';
import { type Envelope, type SimulatedUsage, type WireError, glmError, kimiError } from './dialect.ts';
import { errorOf, type Fault, type Faults } from './faults.ts';
import { findFault } from './find-fault.ts';
import { parseJson, readBody, sendJson } from './http-exchange.ts';
import { asNumber, asObject, asText, type JsonObject } from './json.ts';
import { fitPlan, type LatencyPlan, type LatencyProfile, planLatency } from './latency.ts';
import type { Persona, PersonaReply, SimulatedCall, SimulatedProvider } from './persona-reply.ts';
import { play, type Step } from './playback.ts';
import { PrefixCache } from './prefix-cache.ts';
import { readCall } from './read-call.ts';
import { nthSeed } from './seeded-random.ts';
import type { CallRecord, SimulatorLog } from './simulator-log.ts';
import type { Script } from './script.ts';
import { streamSteps, wholeSteps } from './timeline.ts';
import { estimateTokens } from './tokens.ts';
import { sendHead, sseEvent, type Transcript, transcriptSteps } from './transcript.ts';

/** What a {@link ChatEndpoint} works with. */
export interface ChatParts {
  readonly log: SimulatorLog;
  readonly faults: Faults;
  readonly gate: AccountGate;
  readonly script: Script;
  readonly accounts: Accounts;
  readonly timeScale: number;
  readonly seed: number;
  readonly latency: LatencyProfile;
  readonly persona: Persona | undefined;
  readonly recordRequests: boolean;
  /** Refuse what the real provider refuses. */
  readonly validate: boolean;
}

/** Comments of a hang with keep-alives come this often, before the time scale. */
const KEEP_ALIVE_MS = 10_000;

/** Answers `POST …/chat/completions` of both dialects. */
export class ChatEndpoint {
  readonly #parts: ChatParts;
  readonly #prefixes = new PrefixCache();
  readonly #asked: Record<SimulatedProvider, number> = { glm: 0, kimi: 0 };

  constructor(parts: ChatParts) {
    this.#parts = parts;
  }

  /** Answers one call and returns when its connection is done with. */
  async handle(
    provider: SimulatedProvider,
    request: IncomingMessage,
    response: ServerResponse,
    receivedAt: number,
  ): Promise<void> {
    const { log, accounts } = this.#parts;
    const account = accounts.identify(provider, request);
    const record = log.begin({
      provider,
      model: '',
      account: account.name,
      startedAt: Date.now(),
      stream: false,
      thinking: false,
      webSearch: false,
      tools: 0,
      promptTokens: 0,
      completionTokens: 0,
    });
    response.on('close', () => log.end(record.id, 'cancelled'));
    const body = await readBody(request);
    if (body === undefined) {
      response.destroy();
      return;
    }
    // A client that closed another connection before it sent this call is gone by now, so it is not counted twice.
    await new Promise((resolve) => setImmediate(resolve));
    log.notePeak();
    const parsed = parseJson(body);
    if (parsed === undefined) {
      this.#refuse(record, response, notJson(provider), 'failed');
      return;
    }
    await this.#answer(record, parsed, response, receivedAt, account.refusal);
  }

  async #answer(
    record: CallRecord,
    body: JsonObject,
    response: ServerResponse,
    receivedAt: number,
    unknownKey: WireError | undefined,
  ): Promise<void> {
    const { provider } = record;
    this.#asked[provider] += 1;
    const call = readCall(provider, body, nthSeed(this.#parts.seed, provider, this.#asked[provider]));
    const promptTokens = call.messages.reduce((sum, message) => sum + estimateTokens(message.text), 0);
    this.#parts.log.amend(record.id, {
      model: call.model,
      stream: call.stream,
      thinking: call.thinking,
      webSearch: searchesWeb(call),
      tools: call.tools.length,
      promptTokens,
      ...(this.#parts.recordRequests ? { request: body } : {}),
    });
    const scripted = this.#parts.script.take(call);
    if (scripted !== undefined) {
      await this.#act(record, scripted, response, receivedAt);
      return;
    }
    const fault = unknownKey ?? (this.#parts.validate ? findFault(call, promptTokens) : undefined);
    if (fault !== undefined) {
      this.#refuse(record, response, fault, 'failed');
      return;
    }
    const most = asNumber(body['max_completion_tokens']) ?? asNumber(body['max_tokens']) ?? 1024;
    const ask = { provider, account: record.account, model: call.model, tokens: promptTokens + most };
    const admitted = this.#parts.gate.admit(ask);
    if (typeof admitted !== 'function') {
      this.#refuse(record, response, admitted, 'refused');
      return;
    }
    try {
      await this.#serve(record, call, promptTokens, response, receivedAt, admitted);
    } finally {
      admitted();
    }
  }

  async #serve(
    record: CallRecord,
    call: SimulatedCall,
    promptTokens: number,
    response: ServerResponse,
    receivedAt: number,
    free: () => void,
  ): Promise<void> {
    const { log, faults, persona } = this.#parts;
    const fault = faults.draw(call.provider, call.random);
    const reply = persona?.(call);
    const answer = limitAnswer(toAnswer(call, reply), call);
    const plan = this.#plan(call, reply);
    if (fault?.kind === 'error') {
      log.amend(record.id, { fault: 'error' });
      free();
      this.#refuse(record, response, fault.error, 'failed');
      return;
    }
    const cached = this.#prefixes.lookUp(record.account, call.model, call.messages);
    const usage = usageOf(answer, promptTokens, cached);
    const steps = broken(this.#steps(call, answer, usage, plan), call, fault, KEEP_ALIVE_MS * this.#parts.timeScale);
    log.amend(record.id, {
      status: 200,
      completionTokens: usage.completion,
      ...(fault === undefined ? {} : { fault: fault.kind }),
    });
    const failed = fault?.kind === 'cut' || fault?.kind === 'stream-error';
    response.writeHead(200, headers(call));
    if (call.stream) response.flushHeaders();
    await play(response, steps, receivedAt, () => {
      free();
      log.end(record.id, failed ? 'failed' : 'answered');
    });
  }

  /** Plays a scripted answer. It is not limited: the script says what the account is told. */
  async #act(
    record: CallRecord,
    { name, transcript }: { name: string; transcript: Transcript },
    response: ServerResponse,
    receivedAt: number,
  ): Promise<void> {
    const { log } = this.#parts;
    const status = transcript.status ?? 200;
    log.amend(record.id, { status, fault: name });
    sendHead(transcript, response);
    const failed = status >= 400 || transcript.close === 'cut';
    await play(response, transcriptSteps(transcript, performance.now() - receivedAt), receivedAt, () =>
      log.end(record.id, failed ? 'failed' : 'answered'),
    );
  }

  #plan(call: SimulatedCall, reply: PersonaReply | undefined): LatencyPlan {
    const { timeScale, latency, faults } = this.#parts;
    const { slowdown } = faults.get(call.provider);
    const asked = asNumber(asObject(call.body['simulate'])['serviceMs']) ?? reply?.serviceMs;
    if (asked !== undefined) return fitPlan(Math.max(0, asked) * slowdown, call.thinking);
    const plan = planLatency(latency, call, searchesWeb(call));
    const factor = timeScale * slowdown;
    return {
      firstTokenMs: plan.firstTokenMs * factor,
      reasoningMs: plan.reasoningMs * factor,
      textMs: plan.textMs * factor,
      pauseMs: plan.pauseMs * factor,
    };
  }

  #steps(call: SimulatedCall, answer: Answer, usage: SimulatedUsage, plan: LatencyPlan): Step[] {
    const envelope = envelopeOf(call);
    if (!call.stream) return wholeSteps(envelope, answer, usage, plan);
    return streamSteps(envelope, answer, usage, plan, {
      includeUsage: asObject(call.body['stream_options'])['include_usage'] === true,
      bufferedArgs: call.provider === 'glm' && call.body['tool_stream'] !== true,
    });
  }

  #refuse(record: CallRecord, response: ServerResponse, error: WireError, outcome: 'refused' | 'failed'): void {
    const { code, type } = asObject(error.body['error']);
    this.#parts.log.amend(record.id, { status: error.status, error: asText(code) || asText(type) });
    this.#parts.log.end(record.id, outcome);
    sendJson(response, error.status, error.body);
  }
}

function notJson(provider: SimulatedProvider): WireError {
  const message = 'The request body is not valid JSON';
  return provider === 'glm' ? glmError(400, '1210', message) : kimiError(400, 'invalid_request_error', message);
}

function headers(call: SimulatedCall): Record<string, string> {
  const id = `req-${call.seed.toString(36)}`;
  if (!call.stream) return { 'content-type': 'application/json; charset=utf-8', 'x-request-id': id };
  return { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-request-id': id };
}

function envelopeOf(call: SimulatedCall): Envelope {
  const id = call.seed.toString(36).padStart(7, '0');
  return {
    provider: call.provider,
    id: call.provider === 'kimi' ? `chatcmpl-${id}` : `2026${id}`,
    model: call.model,
    created: Math.floor(Date.now() / 1000),
  };
}

function usageOf(answer: Answer, prompt: number, cached: number): SimulatedUsage {
  const reasoning = estimateTokens(answer.reasoning);
  const args = answer.toolCalls.reduce((sum, call) => sum + estimateTokens(call.name + call.arguments), 0);
  return { prompt, completion: reasoning + estimateTokens(answer.text) + args, reasoning, cached };
}

/** The steps with a fault put into them: what comes after it is dropped. */
function broken(steps: Step[], call: SimulatedCall, fault: Fault | undefined, keepAliveMs: number): Step[] {
  if (fault === undefined || fault.kind === 'error') return steps;
  const atMs = (steps.at(-1)?.atMs ?? 0) * fault.at;
  const before = steps.filter((step) => step.atMs < atMs && step.close === undefined);
  switch (fault.kind) {
    case 'hang':
      return before;
    case 'keep-alive-hang':
      // Without server-sent events there are no comments to send.
      return call.stream ? [...before, { atMs, keepAliveMs }] : before;
    case 'cut':
      return [...before, { atMs, close: 'cut' }];
    case 'stream-error': {
      const { body } = errorOf(call.provider, true);
      return [...before, { atMs, write: call.stream ? sseEvent(body) : JSON.stringify(body), close: 'end' }];
    }
    default:
      return fault satisfies never;
  }
}
