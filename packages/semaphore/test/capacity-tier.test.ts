import { describe, expect, it } from 'vitest';

import { CapacityTier } from '../src/capacity-tier.ts';

describe('a tier', () => {
  it('is full at its limit, or at what it may hold of a shared one', () => {
    const tier = new CapacityTier('global', 2);
    tier.held = 1;
    expect(tier.isFull).toBe(false);
    tier.credit = 1;
    expect(tier.isFull).toBe(true);
    tier.credit = Infinity;
    tier.held = 2;
    expect(tier.isFull).toBe(true);
  });

  it('knows how long it has been full, from the first millisecond of the clock on', () => {
    const tier = new CapacityTier('global', 1);
    tier.held = 1;
    tier.noteFullness(0);
    tier.noteFullness(10);
    expect([tier.isFullNoted, tier.fullUntil(25)]).toEqual([true, 25]);
    tier.held = 0;
    tier.noteFullness(30);
    tier.noteFullness(40);
    expect([tier.isFullNoted, tier.fullUntil(99)]).toEqual([false, 30]);
    tier.held = 1;
    tier.noteFullness(100);
    expect(tier.fullUntil(105)).toBe(35);
  });

  it('smooths how long permits are held', () => {
    const tier = new CapacityTier('provider', 1);
    for (const ms of [100, 200]) tier.noteService(ms);
    expect(tier.serviceMs).toBe(120);
  });

  it('keeps a limit that was cut when it grows, unless that no longer fits', () => {
    const tier = new CapacityTier('provider', 10);
    tier.resize(12);
    expect([tier.capacity, tier.limit]).toEqual([12, 12]);
    tier.limit = 5;
    tier.resize(20);
    expect([tier.capacity, tier.limit]).toEqual([20, 5]);
    tier.resize(3);
    expect([tier.capacity, tier.limit]).toEqual([3, 3]);
  });
});
