import { describe, expect, it } from 'vitest';

import { CapacityTier } from '../src/capacity-tier.ts';
import { FairQueue } from '../src/fair-queue.ts';
import { TierRegistry } from '../src/tier-registry.ts';

const setUp = (): { tiers: TierRegistry; fair: FairQueue } => {
  const fair = new FairQueue();
  const options = { global: 9, session: 2, providers: { glm: 3 }, defaultProvider: 1 };
  return { fair, tiers: new TierRegistry(options, fair, new CapacityTier('global', 9)) };
};

describe('a provider that is not listed', () => {
  it('is dropped when its last call is gone', () => {
    const { tiers } = setUp();
    const flow = tiers.flowOf({ provider: 'glm:second', session: 'a' });
    expect([...tiers.providers.keys()]).toEqual(['glm', 'glm:second']);
    for (const key of ['held', 'waiting'] as const) {
      flow.provider[key] = 1;
      tiers.letGo(flow);
      expect(tiers.providers.has('glm:second')).toBe(true);
      flow.provider[key] = 0;
    }
    tiers.letGo(flow);
    expect([...tiers.providers.keys()]).toEqual(['glm']);
    expect([...tiers.providerCounters.keys()]).toEqual(['glm']);
  });

  it('stays while its limit is cut, or its size is its own', () => {
    const { tiers } = setUp();
    const cut = tiers.flowOf({ provider: 'glm:cut', session: 'a' });
    cut.provider.capacity = 5;
    cut.provider.limit = 4;
    tiers.letGo(cut);
    const resized = tiers.flowOf({ provider: 'glm:resized', session: 'a' });
    resized.provider.resize(7);
    tiers.letGo(resized);
    expect([...tiers.providers.keys()]).toEqual(['glm', 'glm:cut', 'glm:resized']);
  });

  it('does not take a newer one of the same name with it', () => {
    const { tiers } = setUp();
    const old = tiers.flowOf({ provider: 'other', session: 'a' });
    tiers.letGo(old);
    const current = tiers.providerOf('other');
    tiers.letGo(old);
    expect(tiers.providers.get('other')).toBe(current);
  });

  it('is read without being made', () => {
    const { tiers } = setUp();
    expect(tiers.readProvider('other')).toMatchObject({ capacity: 1, limit: 1, held: 0, waiting: 0 });
    expect(tiers.providers.has('other')).toBe(false);
    expect(tiers.capacityOf('constructor')).toBe(1);
  });
});

describe('sessions', () => {
  it('are let go with a call that did not stay', () => {
    const { tiers, fair } = setUp();
    tiers.letGo(tiers.flowOf({ provider: 'glm', session: 'a' }));
    expect(fair.sessions.size).toBe(0);
    expect(tiers.providers.has('glm')).toBe(true);
  });

  it('are read one by one, or as a sum', () => {
    const { tiers } = setUp();
    const [a, b] = ['a', 'b'].map((session) => tiers.flowOf({ provider: 'glm', session }).session);
    Object.assign(a ?? {}, { held: 2, waiting: 3 });
    Object.assign(b ?? {}, { held: 1, waiting: 4 });
    expect(tiers.readSessions('a')).toMatchObject({ capacity: 2, held: 2, waiting: 3 });
    expect(tiers.readSessions('nobody')).toEqual({ capacity: 2, limit: 2, held: 0, waiting: 0 });
    expect(tiers.readSessions(undefined)).toEqual({ capacity: 2, limit: 2, held: 3, waiting: 7 });
  });
});
