import { JournalBook } from './journal-book.ts';
import type { StoredRecord, WorkflowStore } from './store.ts';

/**
 * Keeps journals in memory: nothing survives the process.
 *
 * @param clock Epoch ms; leases end by it.
 */
export function memoryStore(clock: () => number = Date.now): WorkflowStore {
  const book = new JournalBook(clock);
  const records = new Map<string, StoredRecord[]>();
  return {
    caps: { durable: 'none', multiProcess: false },
    create: async (header) => {
      if (book.create(header) === undefined) return 'exists';
      records.set(header.id, []);
      return 'created';
    },
    header: async (id) => book.find(id)?.header,
    append: async (id, expectedSeq, added, lease) => {
      const { lastSeq } = book.accept(id, expectedSeq, added, lease);
      records.get(id)?.push(...structuredClone(added));
      return lastSeq;
    },
    async *read(id, range = {}) {
      book.get(id);
      yield* (records.get(id) ?? []).slice(Math.max(0, (range.fromSeq ?? 1) - 1), range.toSeq);
    },
    acquire: async (id, owner, ttlMs) => book.acquire(id, owner, ttlMs),
    renew: async (lease, ttlMs) => book.renew(lease, ttlMs),
    release: async (lease) => book.release(lease),
    list: async (filter) => book.list(filter),
    prune: async (filter) => {
      const gone = book.prunable(filter);
      for (const id of gone) {
        book.remove(id);
        records.delete(id);
      }
      return gone.length;
    },
    close: async () => undefined,
  };
}
