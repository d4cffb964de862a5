import { Mutex } from 'async-mutex';

import { JOURNAL_VERSION, type JournalHeader } from './journal.ts';
import type { StoredRecord, WorkflowStore } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

const LEASE_MS = 5_000;
/** Longer than a lease: a process that died with one holds nobody up for good. */
const PATIENCE_MS = 2 * LEASE_MS;
const PAUSE_MS = 25;

/**
 * A journal that several runs append to, one short append at a time: a conversation, the calibration. Appends of one
 * process queue behind one another; another process is waited for, also one that died in the middle of an append.
 */
export class SharedJournal {
  readonly #store: WorkflowStore;
  readonly #owner: string;
  readonly #clock: () => number;
  readonly #mutexes = new Map<string, { readonly mutex: Mutex; users: number }>();

  constructor(store: WorkflowStore, owner: string, clock: () => number) {
    this.#store = store;
    this.#owner = owner;
    this.#clock = clock;
  }

  async create(header: Omit<JournalHeader, 'version' | 'createdAt'>): Promise<'created' | 'exists'> {
    return await this.#store.create({ ...header, version: JOURNAL_VERSION, createdAt: this.#clock() });
  }

  async read(id: string, toSeq?: number): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    for await (const record of this.#store.read(id, toSeq === undefined ? {} : { toSeq })) records.push(record);
    return records;
  }

  /** Appends what `next` makes of the records so far; nothing when it makes nothing. Returns the last seq. */
  async append(
    id: string,
    next: (past: readonly StoredRecord[]) => { readonly type: string } | undefined,
  ): Promise<number> {
    return await this.#exclusively(id, async () => {
      const lease = await this.#lease(id);
      try {
        const past = await this.read(id);
        const body = next(past);
        if (body === undefined) return past.length;
        const record = { ...body, seq: past.length + 1, at: this.#clock() };
        return await this.#store.append(id, past.length, [record], lease);
      } finally {
        await this.#store.release(lease);
      }
    });
  }

  async #lease(id: string): Promise<NonNullable<Awaited<ReturnType<WorkflowStore['acquire']>>>> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const lease = await this.#store.acquire(id, this.#owner, LEASE_MS);
      if (lease !== undefined) return lease;
      if (performance.now() > until) throw new WorkflowError('LOCKED', `journal ${id} is in use elsewhere`);
      await new Promise((resolve) => {
        setTimeout(resolve, PAUSE_MS);
      });
    }
  }

  async #exclusively<T>(id: string, work: () => Promise<T>): Promise<T> {
    const entry = this.#mutexes.get(id) ?? { mutex: new Mutex(), users: 0 };
    this.#mutexes.set(id, entry);
    entry.users += 1;
    try {
      return await entry.mutex.runExclusive(work);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#mutexes.delete(id);
    }
  }
}
