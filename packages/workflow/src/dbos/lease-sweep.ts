import { randomUUID } from 'node:crypto';

import type { DbosPort } from './dbos-port.ts';
import type { LeasedStore } from './run-worker.ts';

/** What a {@link LeaseSweep} is made of. */
export interface LeaseSweepParts {
  readonly dbos: DbosPort;
  readonly store: LeasedStore;
  readonly queue: string;
  readonly leaseMs: number;
  readonly sweepMs: number;
  readonly onError: (error: unknown) => void;
}

/**
 * Looks for runs that DBOS believes to be under way and that nobody holds a lease on, and queues them again for any
 * living worker. An expired lease is taken over at once; none at all, as between the queue and the first lease, only
 * when a whole lease long nobody took one.
 */
export class LeaseSweep {
  readonly #parts: LeaseSweepParts;
  /** Since when a run has been seen without a lease, in ms of `performance.now()`. */
  readonly #free = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: LeaseSweepParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#next();
  }

  /** Resolves when the sweep under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweep()
        .catch(this.#parts.onError)
        .then(() => {
          if (!this.#stopped) this.#next();
        });
    }, this.#parts.sweepMs);
    this.#timer.unref();
  }

  async #sweep(): Promise<void> {
    const { dbos, store, queue } = this.#parts;
    const filter = { workflowName: queue, status: 'PENDING', loadInput: false, loadOutput: false } as const;
    const pending = (await dbos.listWorkflows(filter)).map(({ workflowID }) => workflowID);
    const states = await store.leaseStates(pending);
    for (const runId of this.#free.keys()) {
      if (states.get(runId)?.state !== 'free') this.#free.delete(runId);
    }
    for (const [runId, { state }] of states) {
      if (state === 'expired' || (state === 'free' && this.#isStranded(runId))) await this.#takeOver(runId);
    }
  }

  #isStranded(runId: string): boolean {
    const since = this.#free.get(runId) ?? performance.now();
    this.#free.set(runId, since);
    return performance.now() - since >= this.#parts.leaseMs;
  }

  /** Under a lease of its own, so that one of several workers queues the run. */
  async #takeOver(runId: string): Promise<void> {
    const { dbos, store, queue, leaseMs } = this.#parts;
    const lease = await store.acquire(runId, randomUUID(), leaseMs);
    if (lease === undefined) return;
    try {
      await dbos.resumeWorkflow(runId, { queueName: queue });
    } finally {
      await store.release(lease);
      this.#free.delete(runId);
    }
  }
}
