import { describe, expectTypeOf, it } from 'vitest';

import type { AcquireErrorCode, Permit, Semaphore, SemaphoreEvents, TieredAsk, TieredSemaphore } from '../src/index.ts';

/** The least a caller that knows no semaphore may ask for. */
interface Gate {
  readonly acquire: (ask: {
    provider: string;
    session: string;
    signal?: AbortSignal;
    deadlineAt?: number;
    priority?: number;
  }) => Promise<{
    readonly signal: AbortSignal;
    readonly release: (outcome?: 'ok' | 'ignore' | 'overload') => unknown;
  }>;
}

describe('types', () => {
  it('let a TieredSemaphore stand for a gate', () => {
    expectTypeOf<TieredSemaphore>().toExtend<Gate>();
    expectTypeOf<keyof TieredAsk>().toEqualTypeOf<
      | 'provider'
      | 'session'
      | 'signal'
      | 'deadlineAt'
      | 'timeoutMs'
      | 'maxHoldMs'
      | 'priority'
      | 'weight'
      | 'label'
      | 'retry'
    >();
  });

  it('close the set of codes and never hand a permit to a listener', () => {
    expectTypeOf<AcquireErrorCode>().toEqualTypeOf<
      'TIMEOUT' | 'DEADLINE_EXCEEDED' | 'ABORTED' | 'OVER_CAPACITY' | 'SHED' | 'CLOSED' | 'DEADLOCK' | 'LOST'
    >();
    expectTypeOf<SemaphoreEvents[keyof SemaphoreEvents]>().not.toExtend<Permit>();
    expectTypeOf<ReturnType<Semaphore['acquire']>>().resolves.toEqualTypeOf<Permit>();
    // @ts-expect-error -- a semaphore has no release
    expectTypeOf<Semaphore>().toHaveProperty('release');
  });
});
