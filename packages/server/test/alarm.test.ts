import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Alarm } from '../src/calls/alarm.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** An alarm over a set of due times; notes when each was done. */
function clock(slackMs: number, dues: number[]) {
  const done: [due: number, at: number][] = [];
  const rings: number[] = [];
  const alarm = new Alarm((now) => {
    rings.push(now);
    for (const due of dues.filter((at) => at <= now)) {
      dues.splice(dues.indexOf(due), 1);
      done.push([due, now]);
    }
    return Math.min(...dues);
  }, slackMs);
  for (const due of dues) alarm.by(due);
  return { alarm, done, rings };
}

test('does each thing when it is due, whatever the order in which they were told', () => {
  const start = performance.now();
  const { done } = clock(1, [start + 300, start + 100, start + 200]);
  vi.advanceTimersByTime(1000);
  expect(done).toEqual([100, 200, 300].map((after) => [start + after, start + after]));
});

test('has one timer for all of them, and none when nothing is due any more', () => {
  const start = performance.now();
  clock(1, [start + 100, start + 150, start + 200]);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(vi.getTimerCount()).toBe(0);
});

test('rings no more often than its slack, so that what is due in between comes that much later', () => {
  const start = performance.now();
  const { done, rings } = clock(
    20,
    Array.from({ length: 100 }, (_, n) => start + n),
  );
  vi.advanceTimersByTime(1000);
  expect(done).toHaveLength(100);
  expect(Math.max(...done.map(([due, at]) => at - due))).toBeLessThanOrEqual(20);
  expect(rings.length).toBeLessThanOrEqual(6);
});

test('does not ring after it was stopped, and does when it is told of something new', () => {
  const start = performance.now();
  const dues = [start + 100];
  const { alarm, rings } = clock(1, dues);
  alarm.stop();
  vi.advanceTimersByTime(1000);
  expect(rings).toEqual([]);
  alarm.by(performance.now() + 50);
  vi.advanceTimersByTime(50);
  expect(rings).toEqual([start + 1050]);
});

test('waits for what is further away than a timer of the platform can be', () => {
  const far = 2 ** 31 + 1000;
  const start = performance.now();
  const { done } = clock(1, [start + far]);
  vi.advanceTimersByTime(2 ** 31 - 1);
  expect(done).toEqual([]);
  vi.advanceTimersByTime(2000);
  expect(done).toHaveLength(1);
});
