import type { RunJournal } from './run-journal.ts';
import type { WorkflowStore } from './store.ts';

/** Renewals per life of a lease: two may fail before it ends. */
const RENEWALS = 3;

interface Kept {
  readonly journal: RunJournal;
  readonly onLost: () => void;
}

/** Renews the leases of the journals in use, for stores of several processes, and notices when one went to somebody else. */
export class LeaseKeeper {
  readonly #store: WorkflowStore;
  readonly #leaseMs: number;
  readonly #kept = new Set<Kept>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(store: WorkflowStore, leaseMs: number) {
    this.#store = store;
    this.#leaseMs = leaseMs;
  }

  /**
   * Renews the lease of a journal until the function returned is called. Once it is not the newest any more the journal
   * takes nothing more, and `onLost` is told. A renewal that fails otherwise is tried again.
   */
  keep(journal: RunJournal, onLost: () => void): () => void {
    const kept = { journal, onLost };
    this.#kept.add(kept);
    this.#start();
    return () => {
      this.#kept.delete(kept);
      if (this.#kept.size === 0) this.stop();
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    if (!this.#store.caps.multiProcess || this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      for (const kept of this.#kept) void this.#renew(kept);
    }, this.#leaseMs / RENEWALS);
    this.#timer.unref();
  }

  async #renew(kept: Kept): Promise<void> {
    const { journal, onLost } = kept;
    const renewed = await this.#store.renew(journal.lease, this.#leaseMs).catch(() => journal.lease);
    if (!this.#kept.has(kept)) return;
    if (renewed !== undefined) {
      journal.lease = renewed;
      return;
    }
    this.#kept.delete(kept);
    journal.lose();
    onLost();
  }
}
