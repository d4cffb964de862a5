import type { DoorAnswer, DoorPass, RunDoor } from '../door/run-door.ts';
import type { ServerEventHub } from '../events.ts';
import { MAX_DEADLINE_MS } from '../protocol/index.ts';

import type { CallAsk, CallHandle } from './call-ask.ts';
import { CallError } from './call-error.ts';
import { CallReporter, plainName } from './call-reporter.ts';
import { canonicalJson, digest } from './canonical-json.ts';
import { KeptResults } from './kept-results.ts';
import { OpenWorks } from './open-works.ts';
import { toCallError } from './to-call-error.ts';
import type { Tool, ToolResult } from './tool.ts';
import { within } from './within.ts';
import { Work } from './work.ts';

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
  readonly #works = new OpenWorks();
  readonly #reporter: CallReporter;
  readonly #wake = (at: number): void => this.#works.wakeBy(at);
  readonly #kept: KeptResults;
  #draining: CallError | undefined;

  constructor(parts: CallServiceParts) {
    this.#parts = parts;
    this.#reporter = new CallReporter(parts.events);
    this.#kept = new KeptResults(parts.limits.resultTtlMs);
  }

  /** Work that has not ended. */
  works(): IterableIterator<Work> {
    return this.#works.values();
  }

  get inFlight(): number {
    return this.#works.count;
  }

  get tools(): ReadonlyMap<string, Tool> {
    return this.#parts.tools;
  }

  /** Entries of every map, for a test that nothing is kept. */
  get size(): number {
    return this.#works.entries;
  }

  /** Makes a call. Never throws: every failure is its one `error` event, possibly before this returns. */
  run(ask: CallAsk): CallHandle {
    try {
      return this.#start(ask);
    } catch (reason) {
      const error = toCallError(reason).toWire();
      this.#reporter.ended(ask, { error, queuedMs: 0, durationMs: 0, replayed: false });
      ask.onEvent({ type: 'error', error });
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
      wake: this.#wake,
      keyed: true,
      resumed: true,
    });
    try {
      const answer = this.#enter(work);
      this.#works.add(work);
      void this.#drive(work, answer);
      return true;
    } catch {
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
    await within(settleMs, Promise.all([...this.#works.values()].map((work) => work.whenSettled())));
  }

  /** Resolves when no work of this session runs any more, or after `maxMs`. */
  async whenIdle(session: string, maxMs: number): Promise<void> {
    const own = [...this.#works.values()].filter((work) => work.session === session);
    await within(maxMs, Promise.all(own.map((work) => work.whenSettled())));
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
      return this.#replay(ask, provider, runId, kept.result);
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
    const tool = this.#parts.tools.get(plainName(name));
    if (tool === undefined) {
      throw new CallError(
        'UNKNOWN_TOOL',
        `there is no tool ${JSON.stringify(name.slice(0, 60))}; list_tools names them`,
      );
    }
    return tool;
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

  #replay(ask: CallAsk, provider: string, runId: string, result: ToolResult): CallHandle {
    ask.onEvent({ type: 'accepted', state: 'running', runId });
    this.#reporter.ended(ask, { provider, stop: result.stop?.kind, queuedMs: 0, durationMs: 0, replayed: true });
    ask.onEvent({ type: 'result', ...result, timing: { queuedMs: 0, runMs: 0 }, replayed: true });
    return { work: undefined, cancel: () => undefined };
  }

  #begin(
    ask: CallAsk,
    of: { tool: Tool; args: unknown; provider: string; argsDigest: string; runId: string },
  ): { work: Work; answer: DoorAnswer } {
    const { limits } = this.#parts;
    const open = this.#works.of(ask.session);
    if (open >= limits.sessionMaxQueued) {
      throw new CallError('OVER_CAPACITY', `this session has ${open} unfinished calls, the most allowed`, {
        retryAfterMs: 1000,
        details: { tier: 'session', limit: limits.sessionMaxQueued, queued: open },
      });
    }
    const fallback = of.tool.kind === 'chat' ? limits.chatDeadlineMs : limits.workflowDeadlineMs;
    const budgetMs = Math.min(ask.deadlineMs ?? fallback, MAX_DEADLINE_MS);
    // Named one by one: a literal that begins with a spread is several times slower and outlives young collections.
    const work = new Work({
      tool: of.tool,
      args: of.args,
      provider: of.provider,
      argsDigest: of.argsDigest,
      runId: of.runId,
      session: ask.session,
      principal: ask.principal,
      priority: ask.priority === 'batch' ? -1 : 0,
      budgetMs,
      progressMs: limits.progressMs,
      wake: this.#wake,
      keyed: ask.idempotencyKey !== undefined,
      resumed: false,
    });
    const answer = this.#enter(work);
    this.#works.add(work);
    return { work, answer };
  }

  #enter(work: Work): DoorAnswer {
    const { provider, session, deadlineAt, tool } = work;
    const answer = this.#parts.door.enter({ provider, session, tool: tool.name, deadlineAt });
    if ('waiting' in answer) work.queuedAtDoor(answer);
    return answer;
  }

  /** Never rejects: whatever goes wrong is the end of the work. */
  async #drive(work: Work, answer: DoorAnswer): Promise<void> {
    let pass: DoorPass | undefined;
    let completed = false;
    try {
      pass = 'pass' in answer ? answer.pass : await answer.waiting;
      const result = await work.runTool(pass.waitedMs);
      completed = result !== undefined && result.replayed !== true;
      if (result !== undefined && work.keyed) this.#kept.keep(work.runId, work.argsDigest, result);
    } catch (error) {
      work.end(toCallError(error));
    } finally {
      pass?.leave(completed);
      this.#works.remove(work);
      work.markSettled();
    }
  }

  #attach(ask: CallAsk, work: Work): CallHandle {
    const startedAt = performance.now();
    const { provider } = work;
    this.#reporter.called(ask, work.tool.name, provider);
    let firstChunkMs: number | undefined;
    const cancel = work.attach((event) => {
      if (event.type === 'chunk') firstChunkMs ??= performance.now() - startedAt;
      if (event.type === 'result' || event.type === 'error') {
        const [stop, replayed] = event.type === 'result' ? [event.stop?.kind, event.replayed] : [undefined, false];
        const error = event.type === 'error' ? event.error : undefined;
        const durationMs = performance.now() - startedAt;
        this.#reporter.ended(ask, {
          provider,
          error,
          stop,
          queuedMs: work.queuedMs,
          durationMs,
          replayed,
          firstChunkMs,
        });
      }
      ask.onEvent(event);
    });
    return { work, cancel };
  }
}

function assertSame(a: string, b: string): void {
  if (a !== b) throw new CallError('IDEMPOTENCY_CONFLICT', 'this idempotency key was used with other arguments');
}
