import type { DoorPlace } from '../door/run-door.ts';

import type { CallEvent } from './call-ask.ts';
import { CallError } from './call-error.ts';
import type { CallPhase, Tool, ToolEvent, ToolResult } from './tool.ts';
import { type CallFacts, WorkContext } from './work-context.ts';

/** What {@link Work} needs to know. */
export interface WorkOptions extends CallFacts {
  readonly tool: Tool;
  readonly provider: string;
  readonly argsDigest: string;
  readonly runId: string;
  readonly session: string;
  readonly budgetMs: number;
  readonly progressMs: number;
  /** Epoch ms. @defaultValue now + `budgetMs` */
  readonly deadlineAt?: number;
  /** Asks for a {@link Work.tick} at this time of `performance.now()`, or before. */
  readonly wake: (at: number) => void;
}

type Listener = (event: CallEvent) => void;

/** How long a tool may take to stop after its deadline before the call ends without it. */
const SETTLE_MS = 1000;
/** How long a stopped tool may hold its place at the door. */
const ABANDON_MS = 10_000;

/**
 * The doing of one call, shared by everyone who asked for it with the same idempotency key. Each listener gets exactly one
 * `result` or `error`. When the last one leaves, the tool is told to stop. It has no timer: its owner calls {@link tick}.
 */
export class Work {
  readonly tool: Tool;
  readonly provider: string;
  readonly runId: string;
  readonly session: string;
  readonly startedAt: number = Date.now();
  /** Epoch ms. */
  readonly deadlineAt: number;
  readonly #options: WorkOptions;
  readonly #began: number = performance.now();
  #listeners: readonly Listener[] = [];
  #controller: AbortController | undefined;
  #place: DoorPlace | undefined;
  #phase: CallPhase = 'door';
  #phaseSince: number = this.#began;
  #beatAt: number;
  /** When it is ended or, once it has ended, given up; as {@link #beatAt} in ms of `performance.now()`. */
  #limitAt: number;
  #steps = 0;
  #confidence: string | undefined;
  #queuedMs = 0;
  #progress = 0;
  #chunks = 0;
  #ended = false;
  #failure: CallError | undefined;
  #abandon: ((reason: CallError) => void) | undefined;
  #settled = false;
  #onSettled: (() => void)[] = [];

  constructor(options: WorkOptions) {
    this.#options = options;
    this.tool = options.tool;
    this.provider = options.provider;
    this.runId = options.runId;
    this.session = options.session;
    this.deadlineAt = options.deadlineAt ?? this.startedAt + options.budgetMs;
    this.#beatAt = this.#began + options.progressMs;
    this.#limitAt = this.#began + options.budgetMs + SETTLE_MS;
  }

  /** Made when it is first asked for: most calls end without anybody listening, and a signal costs more than they do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#failure !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#failure);
    return this.#controller.signal;
  }

  get argsDigest(): string {
    return this.#options.argsDigest;
  }

  get budgetMs(): number {
    return this.#options.budgetMs;
  }

  /** When something is due next, in `performance.now()` ms. */
  get dueAt(): number {
    return this.#ended ? this.#limitAt : Math.min(this.#beatAt, this.#limitAt);
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

  get keyed(): boolean {
    return this.#options.keyed;
  }

  /** Adds someone who waits for the end. The returned function takes them out with an error of their own. */
  attach(listener: Listener): (reason: CallError) => void {
    this.#listeners = [...this.#listeners, listener];
    const place = this.#place;
    listener(
      place === undefined || this.#phase !== 'door'
        ? { type: 'accepted', state: 'running', runId: this.runId }
        : {
            type: 'accepted',
            state: 'queued',
            runId: this.runId,
            queued: place.position,
            estimatedWaitMs: place.estimatedWaitMs,
          },
    );
    return (reason) => this.#detach(listener, reason);
  }

  /** It has to wait for admission. */
  queuedAtDoor(place: DoorPlace): void {
    this.#place = place;
  }

  /** Does what is due by `now` and gives the time when something is due next; both in `performance.now()` ms. */
  tick(now: number): number {
    if (now >= this.#limitAt) this.#atLimit();
    else if (now >= this.#beatAt && !this.#ended) {
      this.#beatAt = now + this.#options.progressMs;
      this.#tellProgress(this.#describe());
    }
    return this.dueAt;
  }

  /** Runs the tool and ends with what it gives; nothing when it had ended before. Rejects as the tool does. */
  async runTool(doorWaitMs: number): Promise<ToolResult | undefined> {
    this.#queuedMs += doorWaitMs;
    if (this.#ended) return undefined;
    if (this.#place !== undefined) this.#tellProgress('admitted');
    this.#enter('between');
    const result = await this.#unlessAbandoned(this.tool.run(new WorkContext(this, this.#options, this.#hear)));
    if (this.#ended) return undefined;
    this.#finish(result);
    return result;
  }

  /** Ends it for everyone who waits. */
  end(error: CallError): void {
    if (this.#ended) return;
    this.#failure = error;
    this.#ended = true;
    this.#limitAt = performance.now() + ABANDON_MS;
    const event: CallEvent = { type: 'error', error: error.toWire() };
    for (const listener of this.#take()) listener(event);
    this.#place?.withdraw(error);
    this.#controller?.abort(error);
    this.#options.wake(this.#limitAt);
  }

  /** Called once, by the owner, when the tool has returned and everything it held is free. */
  markSettled(): void {
    this.#settled = true;
    for (const tell of this.#onSettled) tell();
  }

  /** Resolves when it is settled. */
  whenSettled(): Promise<void> {
    return this.#settled ? Promise.resolve() : new Promise((resolve) => this.#onSettled.push(resolve));
  }

  #detach(listener: Listener, reason: CallError): void {
    if (!this.#listeners.includes(listener)) return;
    if (this.#listeners.length === 1) {
      this.end(reason);
      return;
    }
    this.#listeners = this.#listeners.filter((other) => other !== listener);
    listener({ type: 'error', error: reason.toWire() });
  }

  #finish(result: ToolResult): void {
    this.#ended = true;
    const runMs = Math.max(0, performance.now() - this.#began - this.#queuedMs);
    const timing = { queuedMs: round(this.#queuedMs), runMs: round(runMs) };
    const { text, structured, stop, usage, replayed = false } = result;
    const event: CallEvent = { type: 'result', text, structured, stop, usage, timing, replayed };
    for (const listener of this.#take()) listener(event);
  }

  /** Rejects when the tool was told to stop and does not: it keeps nobody's place for ever. */
  #unlessAbandoned(running: Promise<ToolResult>): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      this.#abandon = reject;
      running.then(resolve, reject);
    });
  }

  #take(): readonly Listener[] {
    const listeners = this.#listeners;
    this.#listeners = [];
    return listeners;
  }

  #atLimit(): void {
    if (!this.#ended) {
      this.end(new CallError('DEADLINE_EXCEEDED', `the call did not end within ${this.budgetMs} ms`));
      return;
    }
    this.#limitAt = Number.POSITIVE_INFINITY;
    this.#abandon?.(
      new CallError('INTERNAL', `${this.tool.name} did not stop within ${ABANDON_MS} ms of being told to`),
    );
  }

  readonly #hear = (event: ToolEvent): void => {
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
  };

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
      return `waiting for admission, ${this.#place?.position ?? 0} of this session before it, for ${forSeconds} s`;
    }
    const what = this.#phase === 'queued' ? `waiting for a permit of ${this.provider}` : this.#phase;
    return `${what} for ${forSeconds} s`;
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
