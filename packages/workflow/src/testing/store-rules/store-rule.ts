import assert from 'node:assert/strict';

import { JOURNAL_VERSION, type JournalHeader } from '../../journal.ts';
import type { Lease, StoredRecord, WorkflowStore } from '../../store.ts';
import { WorkflowError, type WorkflowErrorCode } from '../../workflow-error.ts';

/** Life of a lease, ms: long enough that no lease ends by itself while a case runs on a busy machine. */
export const TTL = 120_000;
/** How long before its end a lease is looked at, ms. */
export const SLACK = 60_000;

/** What a rule is checked on: a store in a new, empty place. */
interface Scene {
  readonly store: WorkflowStore;
  readonly clock: () => number;
  readonly advance: (ms: number) => Promise<void>;
  /** A second handle to the place, for rules of shared stores. */
  readonly second: () => Promise<WorkflowStore>;
  /** The place again after the store was closed, for rules of durable stores. */
  readonly reopen: () => Promise<WorkflowStore>;
}

/** One rule of a store: `check` rejects when it is broken. */
export interface StoreRule {
  readonly name: string;
  readonly check: (scene: Scene) => Promise<void>;
}

/** The header of a run's journal. */
export function headerOf(id: string): JournalHeader {
  return { id, kind: 'run', version: JOURNAL_VERSION, createdAt: 5 };
}

/** A record whose time is its place. */
export function record(seq: number): StoredRecord {
  return { seq, at: seq, type: 'decision' };
}

/** Records of a stretch, both ends included. */
export function records(from: number, to: number): StoredRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => record(from + index));
}

/** Makes a journal and gives the lease of it. */
export async function begin(store: WorkflowStore, id: string, owner = 'me'): Promise<Lease> {
  await store.create(headerOf(id));
  const lease = await store.acquire(id, owner, TTL);
  assert.ok(lease !== undefined);
  return lease;
}

/** The places of what is read back. */
export async function seqs(
  store: WorkflowStore,
  id: string,
  range?: { fromSeq?: number; toSeq?: number },
): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of store.read(id, range)) found.push(seq);
  return found;
}

/** Rejects unless `work` rejects with that code. */
export async function rejects(work: Promise<unknown>, code: WorkflowErrorCode): Promise<void> {
  await assert.rejects(work, (error) => WorkflowError.is(error) && error.code === code);
}
