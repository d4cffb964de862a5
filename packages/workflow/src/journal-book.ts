import { JOURNAL_VERSION, type JournalHeader } from './journal.ts';
import type { JournalSummary, Lease, PruneFilter, StoredRecord, StoreFilter } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

/** What a store keeps in memory of one journal. */
export interface BookEntry {
  readonly header: JournalHeader;
  /** Last record accepted; it may still be on its way to the disk. */
  lastSeq: number;
  lastAt: number;
  lastType: string;
  lease?: Lease;
  epoch: number;
}

const DEFAULT_LIMIT = 100;

/** The rules of a store that one process owns: sequence, leases, fencing, listing, pruning. Records lie elsewhere. */
export class JournalBook {
  readonly #entries = new Map<string, BookEntry>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Adds an empty journal; nothing when the id is taken. */
  create(header: JournalHeader): BookEntry | undefined {
    if (this.#entries.has(header.id)) return undefined;
    assertSupported(header);
    const entry = { header, lastSeq: 0, lastAt: header.createdAt, lastType: '', epoch: 0 };
    this.#entries.set(header.id, entry);
    return entry;
  }

  find(id: string): BookEntry | undefined {
    return this.#entries.get(id);
  }

  get(id: string): BookEntry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new WorkflowError('RUN_NOT_FOUND', `no journal ${id}`);
    return entry;
  }

  remove(id: string): void {
    this.#entries.delete(id);
  }

  /** Accepts records after `expectedSeq`, or throws `FENCED` or `CONFLICT`. */
  accept(id: string, expectedSeq: number, records: readonly StoredRecord[], lease: Lease): BookEntry {
    const entry = this.get(id);
    if (entry.lease?.epoch !== lease.epoch)
      throw new WorkflowError('FENCED', `lease ${lease.epoch} of journal ${id} is not the newest`);
    const inOrder = records.every((record, index) => record.seq === expectedSeq + index + 1);
    if (entry.lastSeq !== expectedSeq || !inOrder) {
      throw new WorkflowError('CONFLICT', `journal ${id} is at ${entry.lastSeq}, the append expected ${expectedSeq}`);
    }
    const last = records.at(-1);
    entry.lastSeq += records.length;
    entry.lastAt = last?.at ?? entry.lastAt;
    entry.lastType = last?.type ?? entry.lastType;
    return entry;
  }

  acquire(id: string, owner: string, ttlMs: number): Lease | undefined {
    const entry = this.get(id);
    const { lease } = entry;
    if (lease !== undefined && lease.owner !== owner && lease.expiresAt > this.#clock()) return undefined;
    entry.epoch += 1;
    entry.lease = { id, owner, epoch: entry.epoch, expiresAt: this.#clock() + ttlMs };
    return entry.lease;
  }

  renew(lease: Lease, ttlMs: number): Lease | undefined {
    const entry = this.#entries.get(lease.id);
    if (entry?.lease?.epoch !== lease.epoch) return undefined;
    entry.lease = { ...lease, expiresAt: this.#clock() + ttlMs };
    return entry.lease;
  }

  release(lease: Lease): void {
    const entry = this.#entries.get(lease.id);
    if (entry?.lease?.epoch === lease.epoch) delete entry.lease;
  }

  list(filter: StoreFilter = {}): JournalSummary[] {
    const found = [...this.#entries.values()].filter(({ header }) => matches(header, filter));
    const newest = found.sort((a, b) => b.lastAt - a.lastAt).slice(0, filter.limit ?? DEFAULT_LIMIT);
    return newest.map(({ header, lastSeq, lastAt, lastType }) => ({ header, lastSeq, lastAt, lastType }));
  }

  /** Ids of the journals a filter removes: old, not under a live lease, and finished unless asked otherwise. */
  prunable(filter: PruneFilter): string[] {
    const now = this.#clock();
    const isGone = ({ header, lastAt, lastType, lease }: BookEntry): boolean => {
      if (filter.kind !== undefined && header.kind !== filter.kind) return false;
      if (lease !== undefined && lease.expiresAt > now) return false;
      if (header.kind === 'run' && lastType !== 'run.finished' && filter.unfinished !== true) return false;
      return lastAt < filter.before;
    };
    return [...this.#entries.values()].filter(isGone).map(({ header }) => header.id);
  }
}

/** Refuses a journal written by a newer version. */
export function assertSupported(header: JournalHeader): void {
  if (header.version <= JOURNAL_VERSION) return;
  throw new WorkflowError('UNSUPPORTED_VERSION', `journal ${header.id} has version ${header.version}`);
}

function matches(header: JournalHeader, filter: StoreFilter): boolean {
  return (
    (filter.kind === undefined || header.kind === filter.kind) &&
    (filter.workflow === undefined || header.workflow === filter.workflow) &&
    (filter.owner === undefined || header.owner === filter.owner) &&
    (filter.conversationId === undefined || header.conversationId === filter.conversationId)
  );
}
