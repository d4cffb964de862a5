import type { Run } from './run.ts';
import { EventHub, type RunEvent } from './run-events.ts';
import type { RunJournal } from './run-journal.ts';
import type { RunResult } from './stop-reason.ts';
import type { StopRequest } from './stop-request.ts';

/** Longest delay a timer takes, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a live run is told when it starts. */
export interface LiveRunOptions {
  readonly runId: string;
  readonly signal?: AbortSignal | undefined;
  /** Epoch ms. */
  readonly deadlineAt?: number | undefined;
  readonly clock: () => number;
}

/** A run under way in this process: its signal, its readers, its end. */
export class LiveRun implements Run {
  readonly runId: string;
  readonly result: Promise<RunResult>;
  readonly hub = new EventHub();
  readonly #controller = new AbortController();
  readonly #cleanup: (() => void)[] = [];
  #journal: RunJournal | undefined;
  #lost = false;

  /** Starts `drive` at once. */
  constructor(options: LiveRunOptions, drive: (run: LiveRun) => Promise<RunResult>) {
    this.runId = options.runId;
    this.#watchSignal(options.signal);
    this.watchDeadline(options.deadlineAt, options.clock);
    this.result = drive(this).finally(() => this.#end());
    this.result.catch(() => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  events({ fromSeq = 1 }: { readonly fromSeq?: number } = {}): AsyncIterable<RunEvent> {
    return this.hub.read(() => this.#past(fromSeq));
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    return this.events()[Symbol.asyncIterator]();
  }

  async cancel(by = 'user'): Promise<void> {
    this.#stop({ kind: 'canceled', by });
    await this.result.catch(() => undefined);
  }

  /** The journal, once it has been read. */
  use(journal: RunJournal): void {
    this.#journal = journal;
    if (this.#lost) journal.lose();
  }

  /** Fires the signal because another process drives the run now; nothing of what follows is written. */
  lose(): void {
    this.#lost = true;
    this.#journal?.lose();
    this.#stop({ kind: 'canceled', by: 'fence' });
  }

  /** Fires the signal at the deadline. */
  watchDeadline(deadlineAt: number | undefined, clock: () => number): void {
    if (deadlineAt === undefined) return;
    const delay = Math.min(MAX_TIMER_MS, Math.max(0, deadlineAt - clock()));
    const timer = setTimeout(() => this.#stop({ kind: 'deadline', by: 'deadline' }), delay);
    this.#cleanup.push(() => clearTimeout(timer));
  }

  #stop(request: StopRequest): void {
    this.#controller.abort(request);
  }

  #watchSignal(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const onAbort = (): void => this.#controller.abort(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    this.#cleanup.push(() => signal.removeEventListener('abort', onAbort));
  }

  #past(fromSeq: number): RunEvent[] {
    const records = this.#journal?.records ?? [];
    return records.slice(Math.max(0, fromSeq - 1)).map((record) => ({ ...record, runId: this.runId }));
  }

  #end(): void {
    for (const clean of this.#cleanup) clean();
    this.hub.end();
  }
}
