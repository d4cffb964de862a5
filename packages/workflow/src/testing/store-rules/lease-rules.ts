import assert from 'node:assert/strict';

import { begin, records, rejects, SLACK, TTL, type StoreRule } from './store-rule.ts';

/** Who may write: one owner at a time, for as long as its lease is the newest. */
export const LEASE_RULES: readonly StoreRule[] = [
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
