import assert from 'node:assert/strict';

import { JOURNAL_VERSION } from '../../journal.ts';
import { begin, headerOf, record, records, rejects, seqs, TTL, type StoreRule } from './store-rule.ts';

const MANY = 10_000;

/** What a journal holds: everything that was appended to it, in order, and nothing else. */
export const JOURNAL_RULES: readonly StoreRule[] = [
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
