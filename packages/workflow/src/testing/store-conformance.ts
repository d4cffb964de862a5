import assert from 'node:assert/strict';

import { JOURNAL_VERSION, type JournalHeader } from '../journal.ts';
import type { Lease, StoredRecord, WorkflowStore } from '../store.ts';
import { WorkflowError, type WorkflowErrorCode } from '../workflow-error.ts';

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

/** Long enough that no lease ends by itself while a case runs on a busy machine. */
const TTL = 120_000;
/** How long before its end a lease is looked at. */
const SLACK = 60_000;
const MANY = 10_000;

/**
 * The rules every store must keep, as tests for any runner:
 *
 * `for (const { name, run } of storeConformance(subject)) it(name, run);`
 */
export function storeConformance(subject: StoreUnderTest): ConformanceCase[] {
  const always = [...JOURNALS, ...LEASES, ...QUERIES];
  const cases: readonly Rule[] = [
    ...always,
    ...(subject.second === undefined ? [] : SHARED),
    ...(subject.reopen === undefined ? [] : DURABLE),
  ];
  return cases.map(({ name, check }) => ({ name, run: () => withStore(subject, check) }));
}

interface Scene {
  readonly store: WorkflowStore;
  readonly subject: StoreUnderTest;
  readonly clock: () => number;
  readonly advance: (ms: number) => Promise<void>;
}

interface Rule {
  readonly name: string;
  readonly check: (scene: Scene) => Promise<void>;
}

async function withStore(subject: StoreUnderTest, check: Rule['check']): Promise<void> {
  let now = 1_000_000;
  const clock = (): number => now;
  const store = await subject.open(clock);
  try {
    await check({
      store,
      subject,
      clock,
      advance: async (ms) => {
        now += ms;
        await subject.advance?.(store, ms);
      },
    });
  } finally {
    await store.close();
  }
}

const JOURNALS: readonly Rule[] = [
  {
    name: 'creates a journal once and gives its header back',
    check: async ({ store }) => {
      assert.equal(await store.create(headerOf('a')), 'created');
      assert.equal(await store.create(headerOf('a')), 'exists');
      assert.deepEqual(await store.header('a'), headerOf('a'));
      assert.equal(await store.header('b'), undefined);
    },
  },
  {
    name: 'reads back what was appended, in order and from any place',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      assert.equal(await store.append('a', 0, records(1, 3), lease), 3);
      assert.equal(await store.append('a', 3, records(4, 5), lease), 5);
      assert.deepEqual(await seqs(store, 'a'), [1, 2, 3, 4, 5]);
      assert.deepEqual(await seqs(store, 'a', { fromSeq: 3 }), [3, 4, 5]);
      assert.deepEqual(await seqs(store, 'a', { fromSeq: 2, toSeq: 4 }), [2, 3, 4]);
    },
  },
  {
    name: 'keeps records byte for byte, whatever they hold',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      const odd = {
        ...record(1),
        text: 'line\nbreak \u2028 "quote" \\ 🙂 \u0000',
        nested: { list: [1, null, { deep: true }] },
      };
      await store.append('a', 0, [odd], lease);
      for await (const found of store.read('a')) assert.deepEqual(found, odd);
    },
  },
  {
    name: 'appends all records or none: a wrong place is CONFLICT and leaves no trace',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      await store.append('a', 0, records(1, 2), lease);
      await rejects(store.append('a', 1, records(2, 3), lease), 'CONFLICT');
      await rejects(store.append('a', 2, [record(3), record(5)], lease), 'CONFLICT');
      assert.deepEqual(await seqs(store, 'a'), [1, 2]);
      assert.equal(await store.append('a', 2, records(3, 3), lease), 3);
    },
  },
  {
    name: 'lets one of two appends at the same place win',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      const both = await Promise.allSettled([
        store.append('a', 0, records(1, 2), lease),
        store.append('a', 0, records(1, 1), lease),
      ]);
      assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1);
      const won = both.findIndex(({ status }) => status === 'fulfilled');
      assert.deepEqual(await seqs(store, 'a'), won === 0 ? [1, 2] : [1]);
    },
  },
  {
    name: 'writes after a refused append what then counts for every reader',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      await rejects(store.append('a', 7, records(8, 8), lease), 'CONFLICT');
      await store.append('a', 0, records(1, 1), lease);
      assert.deepEqual(await seqs(store, 'a'), [1]);
    },
  },
  {
    name: 'knows no journal that was never created',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      await rejects(store.append('b', 0, records(1, 1), { ...lease, id: 'b' }), 'RUN_NOT_FOUND');
      await rejects(seqs(store, 'b'), 'RUN_NOT_FOUND');
      await rejects(store.acquire('b', 'me', TTL), 'RUN_NOT_FOUND');
    },
  },
  {
    name: 'refuses a journal of a newer version',
    check: async ({ store }) => {
      await rejects(store.create({ ...headerOf('a'), version: JOURNAL_VERSION + 1 }), 'UNSUPPORTED_VERSION');
    },
  },
  {
    name: 'carries 10,000 records',
    check: async ({ store }) => {
      const lease = await begin(store, 'a');
      for (let seq = 0; seq < MANY; seq += MANY / 10)
        await store.append('a', seq, records(seq + 1, seq + MANY / 10), lease);
      assert.equal((await seqs(store, 'a')).length, MANY);
      assert.deepEqual(await seqs(store, 'a', { fromSeq: MANY }), [MANY]);
    },
  },
  {
    name: 'keeps journals apart that are written at the same time',
    check: async ({ store }) => {
      const ids = Array.from({ length: 20 }, (_, index) => `j${index}`);
      await Promise.all(
        ids.map(async (id) => {
          const lease = await begin(store, id);
          for (let seq = 0; seq < 5; seq += 1)
            await store.append(id, seq, [{ ...record(seq + 1), at: seq, type: id }], lease);
        }),
      );
      for (const id of ids) for await (const found of store.read(id)) assert.equal(found.type, id);
    },
  },
];

const LEASES: readonly Rule[] = [
  {
    name: 'gives a lease to one owner at a time, until it ends or is released',
    check: async ({ store, advance }) => {
      const lease = await begin(store, 'a', 'me');
      assert.equal(await store.acquire('a', 'you', TTL), undefined);
      await advance(TTL + 1);
      const taken = await store.acquire('a', 'you', TTL);
      assert.ok(taken !== undefined && taken.epoch > lease.epoch);
      await store.release(taken);
      assert.ok((await store.acquire('a', 'me', TTL)) !== undefined);
    },
  },
  {
    name: 'fences off the holder of an older lease',
    check: async ({ store, advance }) => {
      const old = await begin(store, 'a', 'me');
      await advance(TTL + 1);
      const fresh = await store.acquire('a', 'you', TTL);
      assert.ok(fresh !== undefined);
      await rejects(store.append('a', 0, records(1, 1), old), 'FENCED');
      assert.equal(await store.append('a', 0, records(1, 1), fresh), 1);
      assert.equal(await store.renew(old, TTL), undefined);
      await store.release(old);
      assert.equal(await store.acquire('a', 'third', TTL), undefined);
    },
  },
  {
    name: 'keeps a lease alive that is renewed in time',
    check: async ({ store, advance }) => {
      const lease = await begin(store, 'a', 'me');
      await advance(TTL - SLACK);
      assert.ok((await store.renew(lease, TTL)) !== undefined);
      await advance(TTL - SLACK);
      assert.equal(await store.acquire('a', 'you', TTL), undefined);
    },
  },
];

const QUERIES: readonly Rule[] = [
  {
    name: 'lists by kind, workflow, owner and conversation, newest first',
    check: async ({ store }) => {
      for (const [index, id] of ['a', 'b', 'c'].entries()) {
        await store.create({
          ...headerOf(id),
          workflow: id === 'c' ? 'other' : 'one',
          owner: `o${index}`,
          conversationId: 'talk',
        });
        const lease = await store.acquire(id, 'me', TTL);
        assert.ok(lease !== undefined);
        await store.append(id, 0, [{ ...record(1), at: 100 + index }], lease);
      }
      await store.create({ ...headerOf('d'), kind: 'conversation' });
      const ids = async (filter: Parameters<WorkflowStore['list']>[0]): Promise<string[]> =>
        (await store.list(filter)).map(({ header }) => header.id);
      assert.deepEqual(await ids({ kind: 'run' }), ['c', 'b', 'a']);
      assert.deepEqual(await ids({ kind: 'run', workflow: 'one' }), ['b', 'a']);
      assert.deepEqual(await ids({ owner: 'o1' }), ['b']);
      assert.deepEqual(await ids({ conversationId: 'talk', limit: 1 }), ['c']);
      assert.equal((await store.list({ owner: 'o0' }))[0]?.lastSeq, 1);
    },
  },
  {
    name: 'prunes what is old and finished, and nothing under a lease',
    check: async ({ store, advance, clock }) => {
      for (const [id, type] of [
        ['finished', 'run.finished'],
        ['open', 'step.finished'],
        ['held', 'run.finished'],
      ] as const) {
        const lease = await begin(store, id);
        await store.append(id, 0, [{ seq: 1, at: clock(), type }], lease);
        if (id !== 'held') await store.release(lease);
      }
      await advance(TTL - SLACK);
      assert.equal(await store.prune({ before: clock(), kind: 'run' }), 1);
      assert.equal(await store.header('finished'), undefined);
      assert.equal(await store.prune({ before: clock(), kind: 'run', unfinished: true }), 1);
      assert.ok((await store.header('held')) !== undefined);
      assert.equal(await store.create(headerOf('finished')), 'created');
    },
  },
];

const DURABLE: readonly Rule[] = [
  {
    name: 'has everything that was acknowledged after it was closed and opened again',
    check: async ({ store, subject, clock }) => {
      const lease = await begin(store, 'a');
      await store.append('a', 0, records(1, 3), lease);
      await store.append('a', 3, records(4, 4), lease);
      await store.close();
      const again = await subject.reopen?.(store, clock);
      assert.ok(again !== undefined);
      try {
        assert.deepEqual(await seqs(again, 'a'), [1, 2, 3, 4]);
        const next = await again.acquire('a', 'me', TTL);
        assert.ok(next !== undefined);
        assert.equal(await again.append('a', 4, records(5, 5), next), 5);
      } finally {
        await again.close();
      }
    },
  },
];

const SHARED: readonly Rule[] = [
  {
    name: 'gives a lease to exactly one of three that ask at once',
    check: async ({ store, subject, clock }) => {
      const others = [await subject.second?.(store, clock), await subject.second?.(store, clock)];
      const handles = [store, ...others.filter((other) => other !== undefined)];
      try {
        for (let round = 0; round < 20; round += 1) {
          await store.create(headerOf(`r${round}`));
          const leases = await Promise.all(
            handles.map((handle, index) => handle.acquire(`r${round}`, `owner${index}`, TTL)),
          );
          assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
        }
      } finally {
        for (const other of others) await other?.close();
      }
    },
  },
  {
    name: 'shows one handle at once what another one wrote',
    check: async ({ store, subject, clock }) => {
      const other = await subject.second?.(store, clock);
      assert.ok(other !== undefined);
      try {
        const lease = await begin(store, 'a');
        await store.append('a', 0, records(1, 2), lease);
        assert.deepEqual(await seqs(other, 'a'), [1, 2]);
        await rejects(other.append('a', 1, records(2, 2), lease), 'CONFLICT');
      } finally {
        await other.close();
      }
    },
  },
];

function headerOf(id: string): JournalHeader {
  return { id, kind: 'run', version: JOURNAL_VERSION, createdAt: 5 };
}

function record(seq: number): StoredRecord {
  return { seq, at: seq, type: 'decision' };
}

function records(from: number, to: number): StoredRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => record(from + index));
}

async function begin(store: WorkflowStore, id: string, owner = 'me'): Promise<Lease> {
  await store.create(headerOf(id));
  const lease = await store.acquire(id, owner, TTL);
  assert.ok(lease !== undefined);
  return lease;
}

async function seqs(store: WorkflowStore, id: string, range?: { fromSeq?: number; toSeq?: number }): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of store.read(id, range)) found.push(seq);
  return found;
}

async function rejects(work: Promise<unknown>, code: WorkflowErrorCode): Promise<void> {
  await assert.rejects(work, (error) => WorkflowError.is(error) && error.code === code);
}
