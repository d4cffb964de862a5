import { Semaphore as Original } from 'async-mutex';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  E_CANCELED,
  E_TIMEOUT,
  Semaphore,
  tryAcquire,
  withTimeout,
  type SemaphoreInterface,
} from '../src/compat/index.ts';
import { settled, watch } from './fake-clock.ts';
import { IS_FULL_PROOF } from './seeded-random.ts';

type Step =
  | { kind: 'acquire'; weight: number; priority: number }
  | { kind: 'release'; which: number }
  | { kind: 'settle' };

/** Plays a schedule without cancellation and writes down what is granted when, and with which value. */
async function play(semaphore: SemaphoreInterface, steps: readonly Step[]): Promise<string[]> {
  const log: string[] = [];
  const held: (() => void)[] = [];
  let calls = 0;
  for (const step of steps) {
    if (step.kind === 'acquire') {
      const call = (calls += 1);
      void semaphore.acquire(step.weight, step.priority).then(([value, release]) => {
        log.push(`${call} granted at ${value}`);
        held.push(release);
      });
    }
    if (step.kind === 'release') held.splice(step.which % Math.max(1, held.length), 1)[0]?.();
    await settled();
    log.push(`value ${semaphore.getValue()} locked ${semaphore.isLocked()}`);
  }
  return log;
}

const CAPACITY = 4;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('acquire' as const),
    weight: fc.integer({ min: 1, max: CAPACITY }),
    priority: fc.integer({ min: -2, max: 2 }),
  }),
  fc.record({ kind: fc.constant('release' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('settle' as const) }),
);

describe('compat', () => {
  it(
    'grants in the order and with the values of async-mutex, for any weights and priorities',
    { timeout: 600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          expect(await play(new Semaphore(CAPACITY), steps)).toEqual(await play(new Original(CAPACITY), steps));
        }),
        { numRuns: IS_FULL_PROOF ? 3000 : 300 },
      );
    },
  );

  it("works with async-mutex's withTimeout and tryAcquire", async () => {
    const semaphore = new Semaphore(1);
    const [value, release] = await withTimeout(semaphore, 20).acquire();
    expect(value).toBe(1);
    await expect(withTimeout(semaphore, 5).acquire()).rejects.toBe(E_TIMEOUT);
    await expect(tryAcquire(semaphore).acquire()).rejects.toThrow('mutex already locked');
    release();
    expect(await withTimeout(semaphore, 20).runExclusive((n) => n)).toBe(1);
  });

  it('runs exclusively and releases on a throw', async () => {
    const semaphore = new Semaphore(2);
    await expect(semaphore.runExclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(semaphore.getValue()).toBe(2);
  });

  it('cancels waiting calls with E_CANCELED or the given error', async () => {
    const own = new Error('own');
    for (const [semaphore, error] of [
      [new Semaphore(1), E_CANCELED],
      [new Semaphore(1, own), own],
    ] as const) {
      await semaphore.acquire();
      const waiting = watch(semaphore.acquire());
      semaphore.cancel();
      await settled();
      expect(waiting.error).toBe(error);
    }
  });

  it('gives back the longest held permits by release(), and never more than were taken', async () => {
    const semaphore = new Semaphore(3);
    await semaphore.acquire(2);
    await semaphore.acquire();
    semaphore.release();
    expect(semaphore.getValue()).toBe(0);
    semaphore.release();
    expect(semaphore.getValue()).toBe(2);
    semaphore.release(5);
    expect(semaphore.getValue()).toBe(3);
    semaphore.release();
    expect(semaphore.getValue()).toBe(3);
  });

  it('sets the capacity by setValue, so that five run where the original lets in six', async () => {
    const semaphore = new Semaphore(1);
    const [, release] = await semaphore.acquire();
    for (let n = 0; n < 9; n += 1) void semaphore.acquire();
    semaphore.setValue(5);
    release();
    await settled();
    expect(semaphore.core.held).toBe(5);
  });

  it('waits for an unlock without taking anything', async () => {
    const semaphore = new Semaphore(2);
    await semaphore.waitForUnlock();
    const [, release] = await semaphore.acquire(2);
    const unlocked = watch(semaphore.waitForUnlock());
    const both = watch(semaphore.waitForUnlock(2));
    await settled();
    expect([unlocked.state, both.state]).toEqual(['pending', 'pending']);
    release();
    await settled();
    expect([unlocked.state, both.state]).toEqual(['resolved', 'resolved']);
    expect(semaphore.getValue()).toBe(2);
  });

  it.each([Number.NaN, 0, -1, 3])('rejects weight %d', async (weight) => {
    const semaphore = new Semaphore(2);
    await expect(semaphore.acquire(weight)).rejects.toBeInstanceOf(RangeError);
    await semaphore.acquire(2);
  });
});
