import assert from 'node:assert/strict';

import type { WorkflowStore } from '../store.ts';
import { DURABLE_RULES, SHARED_RULES } from './store-rules/handle-rules.ts';
import { JOURNAL_RULES } from './store-rules/journal-rules.ts';
import { LEASE_RULES } from './store-rules/lease-rules.ts';
import { QUERY_RULES } from './store-rules/query-rules.ts';
import type { StoreRule } from './store-rules/store-rule.ts';

/** Makes the store under test. */
export interface StoreUnderTest {
  /** A store in a new, empty place. Leases must end by `clock` (epoch ms). */
  open(clock: () => number): Promise<WorkflowStore>;
  /** A second handle to the place of a store, for stores that several processes may use. */
  second?(first: WorkflowStore, clock: () => number): Promise<WorkflowStore>;
  /** The same place again, after the store was closed; for durable stores. */
  reopen?(closed: WorkflowStore, clock: () => number): Promise<WorkflowStore>;
  /**
   * Ages every lease by so many ms, for stores whose leases end by a clock that no test can set, such as a database's.
   * Called whenever `clock` moves. Absent: the store goes by `clock`.
   */
  advance?(store: WorkflowStore, ms: number): Promise<void>;
}

/** One rule of a store, as a test: `run` rejects when the store breaks it. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * The rules every store must keep, as tests for any runner:
 *
 * `for (const { name, run } of storeConformance(subject)) it(name, run);`
 */
export function storeConformance(subject: StoreUnderTest): ConformanceCase[] {
  const rules = [
    ...JOURNAL_RULES,
    ...LEASE_RULES,
    ...QUERY_RULES,
    ...(subject.second === undefined ? [] : SHARED_RULES),
    ...(subject.reopen === undefined ? [] : DURABLE_RULES),
  ];
  return rules.map(({ name, check }) => ({ name, run: () => withStore(subject, check) }));
}

async function withStore(subject: StoreUnderTest, check: StoreRule['check']): Promise<void> {
  let now = 1_000_000;
  const clock = (): number => now;
  const store = await subject.open(clock);
  try {
    await check({
      store,
      clock,
      advance: async (ms) => {
        now += ms;
        await subject.advance?.(store, ms);
      },
      second: async () => present(await subject.second?.(store, clock)),
      reopen: async () => present(await subject.reopen?.(store, clock)),
    });
  } finally {
    await store.close();
  }
}

function present(store: WorkflowStore | undefined): WorkflowStore {
  assert.ok(store !== undefined);
  return store;
}
