import { fold } from './apply-record.ts';
import type { EngineParts } from './engine-parts.ts';
import { loadRun } from './load-run.ts';
import { EventHub, type RunEvent } from './run-events.ts';
import { RunJournal } from './run-journal.ts';
import { NO_USAGE } from './run-usage.ts';
import type { RunResult } from './stop-reason.ts';

/** Idle runs are looked for this many times per idle limit. */
const SWEEPS = 4;

/** Ends the runs of this process whose caller has sent no step for the idle limit, as `abandoned`. */
export class IdleRuns {
  readonly #parts: EngineParts;
  readonly #emit: (event: RunEvent) => void;
  /** Last step of each open run, epoch ms. */
  readonly #open = new Map<string, number>();
  #sweeping: ReturnType<typeof setInterval> | undefined;

  constructor(parts: EngineParts, emit: (event: RunEvent) => void) {
    this.#parts = parts;
    this.#emit = emit;
  }

  /** Notes that a run waits for its caller, or has its result. */
  note(runId: string, result: RunResult | undefined): void {
    if (result === undefined) this.#open.set(runId, this.#parts.clock());
    else this.#open.delete(runId);
    this.#sweeping ??= setInterval(() => void this.#sweep(), Math.max(1_000, this.#parts.idleMs / SWEEPS));
    this.#sweeping.unref();
  }

  /** Ends a run that is not finished and not driven now. */
  async abandon(runId: string): Promise<void> {
    const { store, clock, owner, find, idleMs, leaseMs } = this.#parts;
    const { records, header } = await loadRun(store, runId, find);
    this.#open.delete(runId);
    if (fold(records).finished !== undefined) return;
    const lease = await store.acquire(runId, owner, leaseMs);
    if (lease === undefined) return;
    const journal = new RunJournal({ runId, store, lease, hub: new EventHub(), clock, onEvent: this.#emit }, records);
    try {
      const stop = { kind: 'abandoned' as const, idleMs };
      const claim = journal.state.claims.at(-1);
      const result: RunResult = {
        runId,
        stop,
        text: claim?.claim.findings ?? '',
        confidence: { p: claim?.p ?? 0, n: claim?.n ?? 0 },
        coverage: { met: [], missing: [] },
        usage: NO_USAGE,
        steps: journal.state.steps,
        ...(header.conversationId === undefined ? {} : { continuationId: header.conversationId }),
      };
      await journal.append({ type: 'run.finished', stop, result });
    } finally {
      await store.release(lease);
    }
  }

  /** Stops looking. */
  close(): void {
    clearInterval(this.#sweeping);
  }

  async #sweep(): Promise<void> {
    const { clock, idleMs } = this.#parts;
    for (const [runId, at] of this.#open) {
      if (clock() - at < idleMs) continue;
      // A run somebody just took up again, or that cannot be written now, is looked at in the next sweep.
      await this.abandon(runId).catch(() => undefined);
    }
  }
}
