import { CallError } from './call-error.ts';
import type { CallEvent } from './call-service.ts';
import type { CallPhase, Tool, ToolEvent, ToolResult } from './tool.ts';

/** What {@link Work} needs to know. */
export interface WorkOptions {
  readonly tool: Tool;
  readonly args: unknown;
  readonly provider: string;
  readonly argsDigest: string;
  readonly runId: string;
  readonly session: string;
  readonly principal: string;
  readonly priority: number;
  readonly budgetMs: number;
  readonly progressMs: number;
  readonly keyed: boolean;
  readonly resumed: boolean;
  /** Epoch ms. @defaultValue now + `budgetMs` */
  readonly deadlineAt?: number;
}

type Listener = (event: CallEvent) => void;

/** How long a tool may take to stop after its deadline before the call ends without it. */
const SETTLE_MS = 1000;
/** How long a stopped tool may hold its place at the door. */
const ABANDON_MS = 10_000;

/**
 * The doing of one call, shared by everyone who asked for it with the same idempotency key. Each listener gets exactly one
 * `result` or `error`. When the last one leaves, the tool is told to stop.
 */
export class Work {
  readonly tool: Tool;
  readonly provider: string;
  readonly argsDigest: string;
  readonly runId: string;
  readonly session: string;
  readonly principal: string;
  readonly budgetMs: number;
  readonly startedAt: number = Date.now();
  /** Epoch ms. */
  readonly deadlineAt: number;
  /** Resolves when the tool has returned and all it held is free. */
  readonly settled: Promise<void>;
  readonly #options: WorkOptions;
  #controller: AbortController | undefined;
  readonly #listeners = new Set<Listener>();
  readonly #markSettled: () => void;
  readonly #deadline: NodeJS.Timeout;
  readonly #heartbeat: NodeJS.Timeout;
  #phase: CallPhase = 'door';
  #phaseSince = performance.now();
  #steps = 0;
  #confidence: string | undefined;
  #queuedMs = 0;
  #doorWait: { position: number; estimatedWaitMs: number } | undefined;
  #progress = 0;
  #chunks = 0;
  #ended = false;
  #abandon: ((reason: CallError) => void) | undefined;
  #failure: CallError | undefined;
  readonly #began = performance.now();

  constructor(options: WorkOptions) {
    this.#options = options;
    ({ tool: this.tool, provider: this.provider, argsDigest: this.argsDigest, runId: this.runId } = options);
    ({ session: this.session, principal: this.principal, budgetMs: this.budgetMs } = options);
    this.deadlineAt = options.deadlineAt ?? this.startedAt + options.budgetMs;
    let settle: () => void = () => undefined;
    this.settled = new Promise((resolve) => {
      settle = resolve;
    });
    this.#markSettled = settle;
    this.#deadline = setTimeout(() => this.#overdue(), options.budgetMs + SETTLE_MS);
    this.#heartbeat = setInterval(() => this.#tellProgress(this.#describe()), options.progressMs);
  }

  /** Made when it is first asked for: most calls end without anybody listening, and a signal costs more than they do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#failure !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#failure);
    return this.#controller.signal;
  }

  /** Named by an idempotency key: its result may be asked for again. */
  get keyed(): boolean {
    return this.#options.keyed;
  }

  get phase(): CallPhase {
    return this.#phase;
  }

  get phaseMs(): number {
    return performance.now() - this.#phaseSince;
  }

  get steps(): number {
    return this.#steps;
  }

  get confidence(): string | undefined {
    return this.#confidence;
  }

  /** Waited at the door and for permits so far. */
  get queuedMs(): number {
    return this.#queuedMs;
  }

  /** Why it ended, when it ended badly. */
  get failure(): CallError | undefined {
    return this.#failure;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Adds someone who waits for the end. The returned function takes them out with an error of their own. */
  attach(listener: Listener): (reason: CallError) => void {
    this.#listeners.add(listener);
    listener({
      type: 'accepted',
      state: this.#phase === 'door' && this.#doorWait !== undefined ? 'queued' : 'running',
      runId: this.runId,
      ...(this.#doorWait === undefined
        ? {}
        : { queued: this.#doorWait.position, estimatedWaitMs: this.#doorWait.estimatedWaitMs }),
    });
    return (reason) => this.#detach(listener, reason);
  }

  /** It has to wait for admission. */
  queuedAtDoor(position: number, estimatedWaitMs: number): void {
    this.#doorWait = { position, estimatedWaitMs };
  }

  /** Runs the tool and ends with what it gives; nothing when it had ended before. Rejects as the tool does. */
  async runTool(doorWaitMs: number): Promise<ToolResult | undefined> {
    this.#queuedMs += doorWaitMs;
    if (this.#ended) return undefined;
    if (this.#doorWait !== undefined) this.#tellProgress('admitted');
    this.#enter('between');
    const { args, priority, keyed, resumed } = this.#options;
    const signal = (): AbortSignal => this.signal;
    const running = this.tool.run({
      runId: this.runId,
      arguments: args,
      session: this.session,
      principal: this.principal,
      get signal() {
        return signal();
      },
      deadlineAt: this.deadlineAt,
      priority,
      keyed,
      resumed,
      emit: (event) => this.#hear(event),
    });
    const result = await Promise.race([running, this.#abandoned()]);
    if (this.#ended) return undefined;
    this.#finish(result);
    return result;
  }

  /** Ends it for everyone who waits. */
  end(error: CallError): void {
    if (this.#ended) return;
    this.#failure = error;
    this.#close();
    for (const listener of this.#take()) listener({ type: 'error', error: error.toWire() });
    this.#controller?.abort(error);
    const reason = new CallError('INTERNAL', `${this.tool.name} did not stop within ${ABANDON_MS} ms of being told to`);
    setTimeout(() => this.#abandon?.(reason), ABANDON_MS).unref();
  }

  /** Called once, by the owner, when everything it held is free. */
  markSettled(): void {
    this.#markSettled();
  }

  #detach(listener: Listener, reason: CallError): void {
    if (!this.#listeners.has(listener)) return;
    if (this.#listeners.size === 1) {
      this.end(reason);
      return;
    }
    this.#listeners.delete(listener);
    listener({ type: 'error', error: reason.toWire() });
  }

  #finish(result: ToolResult): void {
    this.#close();
    const runMs = Math.max(0, performance.now() - this.#began - this.#queuedMs);
    const timing = { queuedMs: round(this.#queuedMs), runMs: round(runMs) };
    const replayed = result.replayed === true;
    for (const listener of this.#take()) listener({ type: 'result', ...result, timing, replayed });
  }

  /** Rejects when the tool was told to stop and does not: it keeps nobody's place for ever. */
  #abandoned(): Promise<never> {
    return new Promise((_, reject) => {
      this.#abandon = reject;
    });
  }

  #take(): Listener[] {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    return listeners;
  }

  #close(): void {
    this.#ended = true;
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
  }

  #overdue(): void {
    this.end(new CallError('DEADLINE_EXCEEDED', `the call did not end within ${this.budgetMs} ms`));
  }

  #hear(event: ToolEvent): void {
    if (this.#ended) return;
    switch (event.type) {
      case 'text': {
        this.#enter('answering');
        const chunk: CallEvent = { type: 'chunk', index: this.#chunks, delta: event.delta };
        this.#chunks += 1;
        for (const listener of this.#listeners) listener(chunk);
        return;
      }
      case 'phase':
        this.#enter(event.phase);
        if (event.message !== undefined) this.#tellProgress(event.message);
        return;
      case 'waited':
        this.#queuedMs += event.ms;
        return;
      case 'step':
        if (event.steps > this.#steps) this.#tellProgress(`step ${event.steps} done`);
        this.#steps = Math.max(this.#steps, event.steps);
        this.#confidence = event.confidence ?? this.#confidence;
    }
  }

  #enter(phase: CallPhase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#phaseSince = performance.now();
  }

  #tellProgress(message: string): void {
    this.#progress += 1;
    for (const listener of this.#listeners) listener({ type: 'progress', progress: this.#progress, message });
  }

  #describe(): string {
    const forSeconds = Math.round(this.phaseMs / 1000);
    if (this.#phase === 'door') {
      return `waiting for admission, ${this.#doorWait?.position ?? 0} of this session before it, for ${forSeconds} s`;
    }
    const what = this.#phase === 'queued' ? `waiting for a permit of ${this.provider}` : this.#phase;
    return `${what} for ${forSeconds} s`;
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
