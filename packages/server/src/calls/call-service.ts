import type { DoorAnswer, DoorPass, RunDoor } from '../door/run-door.ts';
import type { CallOutcome, ServerEventHub, Transport } from '../events.ts';
import { MAX_DEADLINE_MS, TOOL_SUFFIX, type ErrorCode, type WireError } from '../protocol/index.ts';

import { CallError } from './call-error.ts';
import { canonicalJson, digest } from './canonical-json.ts';
import { KeptResults } from './kept-results.ts';
import { toCallError } from './to-call-error.ts';
import type { Tool, ToolResult } from './tool.ts';
import { Work } from './work.ts';

/** One call as a transport hands it in. */
export interface CallAsk {
  readonly transport: Transport;
  readonly principal: string;
  /** Whose permits and whose turn: the session tier's key. */
  readonly session: string;
  /** With or without the suffix `_EXAI-WS`. */
  readonly tool: string;
  readonly arguments: unknown;
  /** Milliseconds from now. @defaultValue the tool's own: chat 600 s, workflow tools 3600 s */
  readonly deadlineMs?: number;
  /** @defaultValue 'interactive' */
  readonly priority?: 'interactive' | 'batch';
  /** The same key and arguments join the running call or get its result; other arguments are a conflict. */
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
  /** Gets `accepted`, then any number of `progress` and `chunk`, then exactly one `result` or `error`; or one `error` alone. */
  readonly onEvent: (event: CallEvent) => void;
}

/** What a call tells whoever made it. */
export type CallEvent =
  | {
      readonly type: 'accepted';
      readonly state: 'queued' | 'running';
      readonly queued?: number;
      readonly estimatedWaitMs?: number;
      readonly runId: string;
    }
  /** `progress` grows by 1 each time. */
  | { readonly type: 'progress'; readonly progress: number; readonly message: string }
  | { readonly type: 'chunk'; readonly index: number; readonly delta: string }
  | CallResult
  | { readonly type: 'error'; readonly error: WireError };

/** The good end of a call. */
export interface CallResult extends ToolResult {
  readonly type: 'result';
  readonly timing: { readonly queuedMs: number; readonly runMs: number };
  readonly replayed: boolean;
}

/** A call that was made. */
export interface CallHandle {
  readonly work: Work | undefined;
  /** Ends it now with `reason`'s code; without effect after its terminal event. The work ends when nobody else waits for it. */
  cancel(reason: CallError): void;
}

/** A journaled run that nobody drives. */
export interface AdoptedRun {
  readonly runId: string;
  readonly tool: string;
  readonly args: unknown;
  readonly session: string;
  readonly principal: string;
  readonly priority: number;
  /** Epoch ms. */
  readonly deadlineAt: number;
}

/** What {@link CallService} is made of. */
export interface CallServiceParts {
  readonly tools: ReadonlyMap<string, Tool>;
  readonly door: RunDoor;
  readonly events: ServerEventHub;
  readonly limits: {
    readonly sessionMaxQueued: number;
    readonly chatDeadlineMs: number;
    readonly workflowDeadlineMs: number;
    readonly resultTtlMs: number;
    readonly progressMs: number;
  };
  /** True when calls to this provider go to a simulator. */
  readonly isSimulated: (provider: string) => boolean;
}

const DRAIN_RETRY_MS = 5000;

/**
 * The only place that knows what a call means: its deadline, its idempotency, its admission, its events, its one end.
 * Transports translate to and from it. Requests never wait for one another here.
 */
export class CallService {
  readonly #parts: CallServiceParts;
  readonly #works = new Map<string, Work>();
  readonly #openOf = new Map<string, number>();
  readonly #kept: KeptResults;
  #draining: CallError | undefined;

  constructor(parts: CallServiceParts) {
    this.#parts = parts;
    this.#kept = new KeptResults(parts.limits.resultTtlMs);
  }

  /** Work that has not ended. */
  works(): IterableIterator<Work> {
    return this.#works.values();
  }

  get inFlight(): number {
    return this.#works.size;
  }

  get tools(): ReadonlyMap<string, Tool> {
    return this.#parts.tools;
  }

  /** Entries of every map, for a test that nothing is kept. */
  get size(): number {
    return this.#works.size + this.#openOf.size;
  }

  /** Makes a call. Never throws: every failure is its one `error` event, possibly before this returns. */
  run(ask: CallAsk): CallHandle {
    try {
      return this.#start(ask);
    } catch (error) {
      const failure = toCallError(error);
      if (failure.code === 'OVER_CAPACITY' || failure.code === 'SERVER_DRAINING') this.#shed(failure, ask);
      this.#finished(ask, this.#plain(ask.tool), { error: failure, queuedMs: 0, durationMs: 0, replayed: false });
      ask.onEvent({ type: 'error', error: failure.toWire() });
      return { work: undefined, cancel: () => undefined };
    }
  }

  /**
   * Goes on with a run that an earlier process began, under the same limits as everyone. Nobody waits for it until a client sends
   * its call again. False when the run cannot be admitted now, or is running.
   */
  adopt(run: AdoptedRun): boolean {
    const tool = this.#parts.tools.get(run.tool);
    if (tool === undefined || this.#works.has(run.runId) || this.#draining !== undefined) return false;
    const provider = tool.providerOf(run.args);
    const work = new Work({
      ...run,
      tool,
      provider,
      argsDigest: digest(tool.name, canonicalJson(run.args)),
      budgetMs: Math.max(1, run.deadlineAt - Date.now()),
      progressMs: this.#parts.limits.progressMs,
      keyed: true,
      resumed: true,
    });
    try {
      const answer = this.#enter(work);
      this.#register(work);
      void this.#drive(work, answer);
      return true;
    } catch (error) {
      work.end(toCallError(error));
      return false;
    }
  }

  /** Refuses new calls and those that have not begun; running ones go on. */
  drain(): void {
    this.#draining = new CallError('SERVER_DRAINING', 'the server is ending', { retryAfterMs: DRAIN_RETRY_MS });
    this.#parts.door.close();
    for (const work of this.#works.values()) if (work.phase === 'door') work.end(this.#draining);
  }

  /** Ends what still runs and waits until it has let go, at most `settleMs`. */
  async close(reason: CallError, settleMs: number): Promise<void> {
    this.drain();
    for (const work of this.#works.values()) work.end(reason);
    await within(settleMs, Promise.all([...this.#works.values()].map((work) => work.settled)));
  }

  /** Resolves when no work of this session runs any more, or after `maxMs`. */
  async whenIdle(session: string, maxMs: number): Promise<void> {
    const own = [...this.#works.values()].filter((work) => work.session === session);
    await within(maxMs, Promise.all(own.map((work) => work.settled)));
  }

  #start(ask: CallAsk): CallHandle {
    if (this.#draining !== undefined) throw this.#draining;
    const tool = this.#tool(ask.tool);
    const args = this.#arguments(tool, ask.arguments);
    const provider = tool.providerOf(args);
    this.#checkSimulation(provider, args);
    const argsDigest = ask.idempotencyKey === undefined ? '' : digest(tool.name, canonicalJson(args));
    const runId = this.#runId(ask);
    const kept = ask.idempotencyKey === undefined ? undefined : this.#kept.get(runId);
    if (kept !== undefined) {
      assertSame(kept.argsDigest, argsDigest);
      return this.#replay(ask, tool, provider, runId, kept.result);
    }
    const running = this.#works.get(runId);
    if (running !== undefined) {
      assertSame(running.argsDigest, argsDigest);
      return this.#attach(ask, running);
    }
    const { work, answer } = this.#begin(ask, { tool, args, provider, argsDigest, runId });
    const handle = this.#attach(ask, work);
    void this.#drive(work, answer);
    return handle;
  }

  #tool(name: string): Tool {
    const tool = this.#parts.tools.get(this.#plain(name));
    if (tool === undefined) {
      throw new CallError(
        'UNKNOWN_TOOL',
        `there is no tool ${JSON.stringify(name.slice(0, 60))}; list_tools names them`,
      );
    }
    return tool;
  }

  #plain(name: string): string {
    return name.endsWith(TOOL_SUFFIX) ? name.slice(0, -TOOL_SUFFIX.length) : name;
  }

  #arguments(tool: Tool, raw: unknown): unknown {
    const parsed = tool.input.safeParse(raw);
    if (parsed.success) return parsed.data;
    const issues = parsed.error.issues
      .slice(0, 5)
      .map(({ path, message }) => `${path.join('.') || 'arguments'}: ${message}`);
    throw new CallError('INVALID_ARGUMENTS', `${tool.name}: ${issues.join('; ')}`);
  }

  #checkSimulation(provider: string, args: unknown): void {
    if (typeof args !== 'object' || args === null || Reflect.get(args, 'simulate') === undefined) return;
    if (this.#parts.isSimulated(provider)) return;
    throw new CallError(
      'INVALID_ARGUMENTS',
      `simulate is accepted only by a simulated provider, and ${provider} is real`,
    );
  }

  #runId(ask: CallAsk): string {
    if (ask.idempotencyKey === undefined) return `run_${globalThis.crypto.randomUUID()}`;
    return `run_${digest(ask.principal, ask.idempotencyKey)}`;
  }

  #replay(ask: CallAsk, tool: Tool, provider: string, runId: string, result: ToolResult): CallHandle {
    ask.onEvent({ type: 'accepted', state: 'running', runId });
    this.#finished(ask, tool.name, { provider, stop: result.stop?.kind, queuedMs: 0, durationMs: 0, replayed: true });
    ask.onEvent({ type: 'result', ...result, timing: { queuedMs: 0, runMs: 0 }, replayed: true });
    return { work: undefined, cancel: () => undefined };
  }

  #begin(
    ask: CallAsk,
    of: { tool: Tool; args: unknown; provider: string; argsDigest: string; runId: string },
  ): { work: Work; answer: DoorAnswer } {
    const { limits } = this.#parts;
    const open = this.#openOf.get(ask.session) ?? 0;
    if (open >= limits.sessionMaxQueued) {
      throw new CallError('OVER_CAPACITY', `this session has ${open} unfinished calls, the most allowed`, {
        retryAfterMs: 1000,
        details: { tier: 'session', limit: limits.sessionMaxQueued, queued: open },
      });
    }
    const fallback = of.tool.kind === 'chat' ? limits.chatDeadlineMs : limits.workflowDeadlineMs;
    const budgetMs = Math.min(ask.deadlineMs ?? fallback, MAX_DEADLINE_MS);
    const work = new Work({
      ...of,
      session: ask.session,
      principal: ask.principal,
      priority: ask.priority === 'batch' ? -1 : 0,
      budgetMs,
      progressMs: limits.progressMs,
      keyed: ask.idempotencyKey !== undefined,
      resumed: false,
    });
    const answer = this.#enter(work);
    this.#register(work);
    if ('waiting' in answer) work.queuedAtDoor(answer.position, answer.estimatedWaitMs);
    return { work, answer };
  }

  /** Asks the door. Work that is refused there ends, so that its timers do. */
  #enter(work: Work): DoorAnswer {
    const { provider, session, deadlineAt } = work;
    try {
      return this.#parts.door.enter({
        provider,
        session,
        tool: work.tool.name,
        deadlineAt,
        get signal() {
          return work.signal;
        },
      });
    } catch (error) {
      work.end(toCallError(error));
      throw error;
    }
  }

  /** Never rejects: whatever goes wrong is the end of the work. */
  async #drive(work: Work, answer: DoorAnswer): Promise<void> {
    let pass: DoorPass | undefined;
    try {
      pass = 'pass' in answer ? answer.pass : await answer.waiting;
      const result = await work.runTool(pass.waitedMs);
      if (result !== undefined && work.keyed) this.#kept.keep(work.runId, work.argsDigest, result);
    } catch (error) {
      work.end(toCallError(error));
    } finally {
      pass?.leave();
      this.#forget(work);
    }
  }

  #register(work: Work): void {
    this.#works.set(work.runId, work);
    this.#openOf.set(work.session, (this.#openOf.get(work.session) ?? 0) + 1);
  }

  #forget(work: Work): void {
    this.#works.delete(work.runId);
    const open = (this.#openOf.get(work.session) ?? 1) - 1;
    if (open > 0) this.#openOf.set(work.session, open);
    else this.#openOf.delete(work.session);
    work.markSettled();
  }

  #attach(ask: CallAsk, work: Work): CallHandle {
    const startedAt = performance.now();
    const base = { tool: work.tool.name, provider: work.provider, transport: ask.transport, session: ask.session };
    this.#parts.events.emit('called', base);
    let firstChunkMs: number | undefined;
    const detach = work.attach((event) => {
      if (event.type === 'chunk') firstChunkMs ??= performance.now() - startedAt;
      if (event.type === 'result' || event.type === 'error') {
        const error = event.type === 'error' ? work.failure : undefined;
        if (error?.code === 'OVER_CAPACITY' || error?.code === 'SERVER_DRAINING') this.#shed(error, ask);
        this.#finished(ask, work.tool.name, {
          provider: work.provider,
          error,
          stop: event.type === 'result' ? event.stop?.kind : undefined,
          queuedMs: work.queuedMs,
          durationMs: performance.now() - startedAt,
          replayed: event.type === 'result' && event.replayed,
          firstChunkMs,
        });
      }
      ask.onEvent(event);
    });
    return { work, cancel: (reason) => detach(reason) };
  }

  #shed(error: CallError, ask: CallAsk): void {
    this.#parts.events.emit('shed', {
      reason: error.code,
      code: error.code,
      tool: this.#plain(ask.tool),
      session: ask.session,
      ...(error.details?.tier === undefined ? {} : { tier: error.details.tier }),
    });
  }

  #finished(ask: CallAsk, tool: string, end: Finish): void {
    const { error, stop, firstChunkMs } = end;
    this.#parts.events.emit('finished', {
      tool,
      provider: end.provider ?? 'none',
      transport: ask.transport,
      session: ask.session,
      principal: ask.principal,
      outcome: outcomeOf(error?.code),
      queuedMs: end.queuedMs,
      durationMs: end.durationMs,
      replayed: end.replayed,
      ...(ask.traceparent === undefined ? {} : { traceparent: ask.traceparent }),
      ...(error === undefined ? {} : { code: error.code }),
      ...(stop === undefined ? {} : { stop }),
      ...(firstChunkMs === undefined ? {} : { firstChunkMs }),
    });
  }
}

interface Finish {
  readonly provider?: string;
  readonly error?: CallError | undefined;
  readonly stop?: string | undefined;
  readonly queuedMs: number;
  readonly durationMs: number;
  readonly replayed: boolean;
  readonly firstChunkMs?: number | undefined;
}

function assertSame(a: string, b: string): void {
  if (a !== b) throw new CallError('IDEMPOTENCY_CONFLICT', 'this idempotency key was used with other arguments');
}

const OUTCOMES: Partial<Record<ErrorCode, CallOutcome>> = {
  CANCELLED: 'cancelled',
  DEADLINE_EXCEEDED: 'timeout',
  QUEUE_TIMEOUT: 'timeout',
  OVER_CAPACITY: 'shed',
  SERVER_DRAINING: 'shed',
  RATE_LIMITED: 'shed',
  CIRCUIT_OPEN: 'shed',
};

function outcomeOf(code: ErrorCode | undefined): CallOutcome {
  return code === undefined ? 'ok' : (OUTCOMES[code] ?? 'error');
}

async function within(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}
