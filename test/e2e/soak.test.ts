import { describe, expect, it } from 'vitest';

import { findGrowth, type Sample, soak } from '../../scripts/soak-run.ts';

describe('a soak', () => {
  it('ends every call and comes back to rest after every kind of fault', async () => {
    const result = await soak(0, 1500, () => undefined);
    expect(result.calls).toBeGreaterThan(8);
    expect(result.answered).toBeGreaterThan(3);
    expect(result.leaksFound).toBeGreaterThan(0);
    expect(findGrowth(result), JSON.stringify(result)).toEqual([]);
  }, 240_000);

  it.each([
    ['a map', { kept: 4 }],
    ['the heap', { heapMb: 12 }],
    ['open files', { fds: 5 }],
    ['listeners', { listeners: 1 }],
  ])('finds %s that grows', (_, step) => {
    const still = {
      heapMb: 50,
      held: 0,
      waiting: 0,
      sessions: 0,
      connections: 0,
      inFlight: 0,
      kept: 0,
      listeners: 3,
      fds: 20,
    };
    const samples = Array.from({ length: 9 }, (_, cycle): Sample => {
      const grown = Object.entries(step).map(([name, by]) => [name, still[name as keyof typeof still] + by * cycle]);
      return { cycle, ...still, ...Object.fromEntries(grown) };
    });
    expect(findGrowth({ samples, lost: 0 })).toHaveLength(1);
  });
});
