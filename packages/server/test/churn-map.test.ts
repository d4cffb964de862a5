import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';

import { ChurnMap } from '../src/calls/churn-map.ts';

const key = fc.integer({ min: 0, max: 150 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
);

test.prop([fc.array(step, { maxLength: 1200, size: 'max' })], { numRuns: 50 })(
  'holds what a Map would, in the same order, however often it renews itself',
  (steps) => {
    const [ours, model] = [new ChurnMap<number, number>(), new Map<number, number>()];
    for (const [at, { kind, key: name }] of steps.entries()) {
      if (kind === 'set') {
        ours.set(name, at);
        model.set(name, at);
      } else expect(ours.delete(name)).toBe(model.delete(name));
      expect([ours.size, ours.get(name), ours.has(name)]).toEqual([model.size, model.get(name), model.has(name)]);
    }
    expect([...ours]).toEqual([...model]);
    expect([...ours.keys()]).toEqual([...model.keys()]);
    expect([...ours.values()]).toEqual([...model.values()]);
  },
);

test('an iteration sees everything there was when it began, though the entries move meanwhile', () => {
  const map = new ChurnMap<number, number>();
  for (let name = 0; name < 200; name += 1) map.set(name, name);
  const seen: number[] = [];
  for (const value of map.values()) {
    seen.push(value);
    map.delete(value);
  }
  expect(seen).toEqual(Array.from({ length: 200 }, (_, name) => name));
  expect(map.size).toBe(0);
});
