import type { JournalHeader } from './journal.ts';

/** One line of a journal as a store sees it: a place and a body it does not look into. */
export interface StoredRecord {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
}

/** The right to append to a journal. A newer lease has a larger epoch and fences the older ones off. */
export interface Lease {
  readonly id: string;
  readonly owner: string;
  readonly epoch: number;
  /** Epoch ms at which it ends unless renewed. */
  readonly expiresAt: number;
}

/** Which journals to list. */
export interface StoreFilter {
  readonly kind?: JournalHeader['kind'];
  readonly workflow?: string;
  readonly owner?: string;
  readonly conversationId?: string;
  /** Largest number of headers; the newest come first. @defaultValue 100 */
  readonly limit?: number;
}

/** A header with what the store knows about the records behind it. */
export interface JournalSummary {
  readonly header: JournalHeader;
  readonly lastSeq: number;
  /** Epoch ms and type of the last record. */
  readonly lastAt: number;
  readonly lastType: string;
}

/** Which journals to remove. */
export interface PruneFilter {
  /** Removes journals whose last record is older than this epoch ms. */
  readonly before: number;
  readonly kind?: JournalHeader['kind'];
  /** Also removes runs that have not finished. @defaultValue false */
  readonly unfinished?: boolean;
}

/**
 * Keeps journals. A journal is append-only; everything else is derived from it. `storeConformance` of
 * `@exai/workflow/testing` states the rules as tests.
 */
export interface WorkflowStore {
  readonly caps: { readonly durable: 'none' | 'fsync'; readonly multiProcess: boolean };
  /** Makes an empty journal; `exists` when the id is taken. */
  create(header: JournalHeader): Promise<'created' | 'exists'>;
  header(id: string): Promise<JournalHeader | undefined>;
  /**
   * Appends all records or none, after `expectedSeq`, and resolves when they are durable with the new last seq.
   *
   * @throws `WorkflowError` `CONFLICT` (the last seq is another), `FENCED` (the lease is not the newest),
   * `RUN_NOT_FOUND`, `STORE_FAILED`.
   */
  append(id: string, expectedSeq: number, records: readonly StoredRecord[], lease: Lease): Promise<number>;
  /** Records in order. Rejects with `RUN_NOT_FOUND`. */
  read(id: string, range?: { readonly fromSeq?: number; readonly toSeq?: number }): AsyncIterable<StoredRecord>;
  /** A lease with a new epoch, or nothing while another owner's has not ended. The same owner gets a new one. */
  acquire(id: string, owner: string, ttlMs: number): Promise<Lease | undefined>;
  /** The lease with a later end, or nothing when it is not the newest any more. */
  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined>;
  release(lease: Lease): Promise<void>;
  list(filter?: StoreFilter): Promise<readonly JournalSummary[]>;
  /** Number of journals removed. Journals under a live lease stay. */
  prune(filter: PruneFilter): Promise<number>;
  close(): Promise<void>;
}
