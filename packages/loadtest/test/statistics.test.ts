import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';

import { holm, normalQuantile, rankTestP, signFlipP, smallestRankP } from '../src/exact-tests.ts';
import { summariseLatency } from '../src/group-summary.ts';
import {
  binomialAtMost,
  jainIndex,
  kaplanMeier,
  medianOf,
  nearestRank,
  percentileOf,
  sampleFloor,
  survivalPercentile,
} from '../src/statistics.ts';

describe('percentiles', () => {
  test.each([
    [0.5, 1, 1],
    [0.99, 1, 1],
    [0.5, 2, 1],
    [0.95, 20, 19],
    [0.999, 1_000_000, 999_000],
    [0.99, 299, 297],
  ])('p%f of %i values is the value of rank %i', (p, n, rank) => {
    expect(nearestRank(p, n)).toBe(rank);
  });

  test('a single value is every percentile', () => {
    const latency = summariseLatency([575]);
    expect(latency).toMatchObject({ min: 575, mean: 575, max: 575 });
    expect(latency?.percentiles.map(({ value }) => value)).toEqual([575, 575, 575, 575]);
    expect(latency?.percentiles.map(({ supported }) => supported)).toEqual([false, false, false, false]);
  });

  property.prop([fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 })])(
    'percentiles never fall, and stay between the least and the greatest value',
    (values) => {
      const latency = summariseLatency(values);
      const found = latency?.percentiles.map(({ value = Number.NaN }) => value) ?? [];
      expect([...found].sort((a, b) => a - b)).toEqual(found);
      expect(found[0]).toBeGreaterThanOrEqual((latency?.min ?? 0) - 1e-9);
      expect(found.at(-1)).toBeLessThanOrEqual(latency?.max ?? 0);
    },
  );

  test.each([
    [0.9, 29],
    [0.95, 59],
    [0.99, 299],
    [0.999, 2995],
  ])('p%f needs %i calls to say "none was over the limit" with 95 %% confidence', (p, floor) => {
    expect(sampleFloor(p)).toBe(floor);
  });

  test.each([
    [0.95, 1, 93],
    [0.95, 2, 124],
    [0.95, 5, 208],
    [0.99, 1, 473],
    [0.9, 5, 103],
  ])('p%f with %i calls over the limit needs %i', (p, over, n) => {
    expect(binomialAtMost(over, n, 1 - p)).toBeLessThanOrEqual(0.05);
    expect(binomialAtMost(over, n - 1, 1 - p)).toBeGreaterThan(0.05);
  });

  test('nothing measured has no percentile', () => {
    expect(percentileOf([], 0.5)).toBeUndefined();
    expect(medianOf([])).toBeUndefined();
    expect(summariseLatency([])).toBeUndefined();
  });
});

describe('calls that were cut off', () => {
  test('Kaplan–Meier: the textbook curve', () => {
    // Ends at 6, 7, 10, 15, 19, 25; cut off at 6.5, 9, 20.
    const steps = kaplanMeier([6, 7, 10, 15, 19, 25], [6.5, 9, 20]);
    expect(steps.map(({ time }) => time)).toEqual([6, 7, 10, 15, 19, 25]);
    expect(steps.map(({ survival }) => Number(survival.toFixed(4)))).toEqual([
      0.8889, 0.7619, 0.6095, 0.4571, 0.3048, 0,
    ]);
    expect(survivalPercentile(steps, 0.5)).toBe(15);
  });

  test('ignoring them makes a slow server look fast; counting them does not', () => {
    const ended = Array.from({ length: 80 }, (_, index) => index + 1);
    const cut = Array.from({ length: 20 }, () => 80.5);
    const honest = summariseLatency(ended, cut);
    expect(summariseLatency(ended)?.percentiles.find(({ p }) => p === 0.5)?.value).toBe(40);
    expect(honest?.percentiles.find(({ p }) => p === 0.5)?.value).toBe(50);
    expect(honest?.method).toBe('kaplan-meier');
    // More than 10 % were still running: nothing can be said about p90.
    expect(honest?.percentiles.find(({ p }) => p === 0.9)).toEqual({ p: 0.9, floor: 29, supported: false });
  });

  property.prop([fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 1, maxLength: 60 })])(
    'without any, Kaplan–Meier is the plain percentile',
    (values) => {
      const sorted = Float64Array.from(values).sort();
      for (const p of [0.5, 0.9, 0.99])
        expect(survivalPercentile(kaplanMeier(values, []), p)).toBe(percentileOf(sorted, p));
    },
  );
});

describe('exact tests', () => {
  test.each([
    [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 2 / 252],
    [[1, 2, 3, 4], [5, 6, 7, 8], 2 / 70],
    [[1, 3, 5], [2, 4, 6], 0.7],
    [[5, 5, 5], [5, 5, 5], 1],
  ])('rank test of %j and %j', (a, b, p) => {
    expect(rankTestP(a, b)).toBeCloseTo(p, 10);
    expect(rankTestP(b, a)).toBeCloseTo(p, 10);
  });

  test('the smallest p that n runs a side can reach', () => {
    expect(smallestRankP(5, 5)).toBeCloseTo(2 / 252, 12);
    expect(smallestRankP(4, 4)).toBeCloseTo(2 / 70, 12);
  });

  test('paired randomisation: twelve differences of one sign are 2 of 4096', () => {
    expect(signFlipP(Array.from({ length: 12 }, (_, index) => 5 + index))).toBe(2 / 4096);
    expect(signFlipP([1, -1, 1, -1])).toBe(1);
  });

  test('Holm multiplies by what is still open and never falls', () => {
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  });

  test('quantiles of the normal', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 5);
    expect(normalQuantile(0.5)).toBeCloseTo(0, 8);
  });
});

test('Jain: equal shares 1, one of four with everything 0.25', () => {
  expect(jainIndex([3, 3, 3])).toBe(1);
  expect(jainIndex([8, 0, 0, 0])).toBe(0.25);
});
