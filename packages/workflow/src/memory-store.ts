import { JournalIndex } from './journal-index.ts';
import type { WorkflowStore } from './store.ts';

/**
 * Keeps journals in memory: nothing survives the process.
 *
 * @param clock Epoch ms; leases end by it.
 */
export function memoryStore(clock: () => number = Date.now): WorkflowStore {
  const index = new JournalIndex(clock);
  return {
    caps: { durable: 'none', multiProcess: false },
    create: (header) => Promise.resolve(index.create(header)),
    header: (id) => Promise.resolve(index.find(id)?.header),
    append: async (id, expectedSeq, records, lease) => index.append(id, expectedSeq, records, lease),
    async *read(id, range) {
      yield* index.read(id, range);
    },
    acquire: async (id, owner, ttlMs) => index.acquire(id, owner, ttlMs),
    renew: (lease, ttlMs) => Promise.resolve(index.renew(lease, ttlMs)),
    release: (lease) => Promise.resolve(index.release(lease)),
    list: (filter) => Promise.resolve(index.list(filter)),
    prune: (filter) => Promise.resolve(index.prune(filter).length),
    close: () => Promise.resolve(),
  };
}
