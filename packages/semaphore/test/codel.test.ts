import { describe, expect, it } from 'vitest';

import { Codel } from '../src/codel.ts';

/** Of calls that come to the head at these times after these waits, which are shed. */
function shed(...calls: readonly [at: number, waitedMs: number][]): boolean[] {
  const codel = new Codel({ targetMs: 10, intervalMs: 100 });
  return calls.map(([at, waitedMs]) => codel.sheds(waitedMs, at));
}

describe('controlled delay', () => {
  it('sheds what waited more than twice the target, after an interval whose shortest wait was above it', () => {
    expect(shed([0, 11], [99, 11], [100, 21])).toEqual([false, false, true]);
    expect(shed([0, 11], [99, 11], [100, 20])).toEqual([false, false, false]);
  });

  it('does not when one call of the interval waited no longer than the target', () => {
    expect(shed([0, 50], [50, 10], [100, 50])).toEqual([false, false, false]);
    expect(shed([0, 10], [50, 50], [100, 50])).toEqual([false, false, false]);
  });

  it('judges an interval when it is over, not before', () => {
    expect(shed([0, 50], [99, 50], [100, 50], [150, 50], [199, 5], [200, 50])).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  it('forgets an interval after a lull of another', () => {
    expect(shed([0, 50], [199, 50])).toEqual([false, true]);
    expect(shed([0, 50], [200, 50])).toEqual([false, false]);
  });
});
