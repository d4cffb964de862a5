import assert from 'node:assert/strict';

import { begin, headerOf, records, rejects, seqs, TTL, type StoreRule } from './store-rule.ts';

/** Several handles to one place, one after the other. */
export const DURABLE_RULES: readonly StoreRule[] = [
  {
    name: 'has everything that was acknowledged after it was closed and opened again',
    check: async ({ store, reopen }) => {
      const lease = await begin(store, 'a');
      await store.append('a', 0, records(1, 3), lease);
      await store.append('a', 3, records(4, 4), lease);
      await store.close();
      const again = await reopen();
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

/** Several handles to one place, at the same time. */
export const SHARED_RULES: readonly StoreRule[] = [
  {
    name: 'gives a lease to exactly one of three that ask at once',
    check: async ({ store, second }) => {
      const others = [await second(), await second()];
      const handles = [store, ...others];
      try {
        for (let round = 0; round < 20; round += 1) {
          await store.create(headerOf(`r${round}`));
          const leases = await Promise.all(
            handles.map((handle, index) => handle.acquire(`r${round}`, `owner${index}`, TTL)),
          );
          assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
        }
      } finally {
        for (const other of others) await other.close();
      }
    },
  },
  {
    name: 'shows one handle at once what another one wrote',
    check: async ({ store, second }) => {
      const other = await second();
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
