import assert from 'node:assert/strict';

import type { WorkflowStore } from '../../store.ts';
import { begin, headerOf, record, SLACK, TTL, type StoreRule } from './store-rule.ts';

/** What is found, and what is removed, over all journals. */
export const QUERY_RULES: readonly StoreRule[] = [
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
