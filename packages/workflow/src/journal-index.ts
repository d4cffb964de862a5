import { JOURNAL_VERSION, type JournalHeader } from './journal.ts';
import type { JournalSummary, Lease, PruneFilter, StoredRecord, StoreFilter } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

interface Journal {
  readonly header: JournalHeader;
  readonly records: StoredRecord[];
  lease?: Lease;
  epoch: number;
}

const DEFAULT_LIMIT = 100;

/** Journals in memory, with the rules of {@link WorkflowStore}: sequence, leases, fencing, listing, pruning. */
export class JournalIndex {
  readonly #journals = new Map<string, Journal>();
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  create(header: JournalHeader): 'created' | 'exists' {
    if (this.#journals.has(header.id)) return 'exists';
    assertSupported(header);
    this.#journals.set(header.id, { header, records: [], epoch: 0 });
    return 'created';
  }

  find(id: string): { readonly header: JournalHeader; readonly lastSeq: number } | undefined {
    const journal = this.#journals.get(id);
    return journal === undefined ? undefined : { header: journal.header, lastSeq: journal.records.length };
  }

  append(id: string, expectedSeq: number, records: readonly StoredRecord[], lease: Lease): number {
    const journal = this.#get(id);
    assertLease(journal, lease);
    assertSequence(id, journal.records.length, expectedSeq, records);
    journal.records.push(...records);
    return journal.records.length;
  }

  read(id: string, range: { readonly fromSeq?: number; readonly toSeq?: number } = {}): StoredRecord[] {
    return this.#get(id).records.slice(Math.max(0, (range.fromSeq ?? 1) - 1), range.toSeq);
  }

  acquire(id: string, owner: string, ttlMs: number): Lease | undefined {
    const journal = this.#get(id);
    const { lease } = journal;
    if (lease !== undefined && lease.owner !== owner && lease.expiresAt > this.#clock()) return undefined;
    journal.epoch += 1;
    journal.lease = { id, owner, epoch: journal.epoch, expiresAt: this.#clock() + ttlMs };
    return journal.lease;
  }

  renew(lease: Lease, ttlMs: number): Lease | undefined {
    const journal = this.#journals.get(lease.id);
    if (journal?.lease?.epoch !== lease.epoch) return undefined;
    journal.lease = { ...lease, expiresAt: this.#clock() + ttlMs };
    return journal.lease;
  }

  release(lease: Lease): void {
    const journal = this.#journals.get(lease.id);
    if (journal?.lease?.epoch === lease.epoch) delete journal.lease;
  }

  list(filter: StoreFilter = {}): JournalSummary[] {
    const found = [...this.#journals.values()].filter(({ header }) => matches(header, filter)).map(summaryOf);
    return found.sort((a, b) => b.lastAt - a.lastAt).slice(0, filter.limit ?? DEFAULT_LIMIT);
  }

  /** Removes the journals that fit and returns their ids. */
  prune(filter: PruneFilter): string[] {
    const now = this.#clock();
    const gone = [...this.#journals.values()].filter((journal) => isPrunable(journal, filter, now));
    for (const { header } of gone) this.#journals.delete(header.id);
    return gone.map(({ header }) => header.id);
  }

  #get(id: string): Journal {
    const journal = this.#journals.get(id);
    if (journal === undefined) throw new WorkflowError('RUN_NOT_FOUND', `no journal ${id}`);
    return journal;
  }
}

/** Refuses a journal written by a newer version. */
export function assertSupported(header: JournalHeader): void {
  if (header.version <= JOURNAL_VERSION) return;
  throw new WorkflowError('UNSUPPORTED_VERSION', `journal ${header.id} has version ${header.version}`);
}

/** Refuses records that do not follow one another from `lastSeq` on. */
export function assertSequence(id: string, lastSeq: number, expected: number, records: readonly StoredRecord[]): void {
  const inOrder = records.every((record, index) => record.seq === expected + index + 1);
  if (lastSeq === expected && inOrder) return;
  throw new WorkflowError('CONFLICT', `journal ${id} is at ${lastSeq}, append expected ${expected}`);
}

/** Tells whether a header fits a filter. */
export function matches(header: JournalHeader, filter: StoreFilter): boolean {
  return (
    (filter.kind === undefined || header.kind === filter.kind) &&
    (filter.workflow === undefined || header.workflow === filter.workflow) &&
    (filter.owner === undefined || header.owner === filter.owner) &&
    (filter.conversationId === undefined || header.conversationId === filter.conversationId)
  );
}

function assertLease(journal: Journal, lease: Lease): void {
  if (journal.lease?.epoch === lease.epoch) return;
  throw new WorkflowError('FENCED', `lease ${lease.epoch} of journal ${journal.header.id} is not the newest`);
}

function isPrunable(journal: Journal, filter: PruneFilter, now: number): boolean {
  const { header, lastAt, lastType } = summaryOf(journal);
  if (filter.kind !== undefined && header.kind !== filter.kind) return false;
  if (journal.lease !== undefined && journal.lease.expiresAt > now) return false;
  if (header.kind === 'run' && lastType !== 'run.finished' && filter.unfinished !== true) return false;
  return lastAt < filter.before;
}

function summaryOf(journal: Journal): JournalSummary {
  const last = journal.records.at(-1);
  return {
    header: journal.header,
    lastSeq: journal.records.length,
    lastAt: last?.at ?? journal.header.createdAt,
    lastType: last?.type ?? '',
  };
}
