import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { LeaseSweep } from '../../src/dbos/lease-sweep.ts';
import type { DbosPort, LeasedStore } from '../../src/dbos/index.ts';
import { memoryStore } from '../../src/index.ts';
import type { LeaseState } from '../../src/postgres/index.ts';

const LEASE_MS = 5_000;
const SWEEP_MS = 1_000;

/** A DBOS that believes these runs to be under way, and keeps which it was asked to queue again. */
function scene(states: Record<string, LeaseState['state']>, { isTaken = false, fails = 0 } = {}) {
  const queued: string[] = [];
  const errors: unknown[] = [];
  let failures = fails;
  const unused = (): never => {
    throw new Error('not of the sweep');
  };
  const dbos: DbosPort = {
    isInitialized: () => true,
    registerWorkflow: unused,
    registerQueue: unused,
    startWorkflow: unused,
    getResult: unused,
    listWorkflows: async (filter) => {
      expect(filter).toEqual({ workflowName: 'q', status: 'PENDING', loadInput: false, loadOutput: false });
      if (failures-- > 0) throw new Error('away');
      return Object.keys(states).map((workflowID) => ({ workflowID }));
    },
    resumeWorkflow: async (workflowID, options) => {
      expect(options).toEqual({ queueName: 'q' });
      queued.push(workflowID);
    },
  };
  const released: string[] = [];
  const store: LeasedStore = {
    ...memoryStore(),
    leaseStates: async (ids) => new Map(ids.map((id) => [id, { state: states[id] ?? 'held', lastType: 'decision' }])),
    acquire: async (id, owner) => (isTaken ? undefined : { id, owner, epoch: 1, expiresAt: 0 }),
    release: async ({ id }) => {
      released.push(id);
    },
  };
  const parts = { dbos, store, queue: 'q', leaseMs: LEASE_MS, sweepMs: SWEEP_MS };
  const sweep = new LeaseSweep({ ...parts, onError: (error) => errors.push(error) });
  sweep.start();
  return { sweep, queued, released, errors };
}

describe('a sweep for runs whose process is gone', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('queues a run with an expired lease at the next look, and leaves one with a living lease alone', async () => {
    const { sweep, queued, released } = scene({ dead: 'expired', alive: 'held' });
    await vi.advanceTimersByTimeAsync(SWEEP_MS);
    expect(queued).toEqual(['dead']);
    expect(released).toEqual(['dead']);
    await sweep.stop();
  });

  it('queues a run without a lease only when nobody took one for a whole lease', async () => {
    const states: Record<string, LeaseState['state']> = { stranded: 'free', slow: 'free' };
    const { sweep, queued } = scene(states);
    await vi.advanceTimersByTimeAsync(3 * SWEEP_MS);
    states['slow'] = 'held';
    await vi.advanceTimersByTimeAsync(SWEEP_MS);
    states['slow'] = 'free';
    expect(queued).toEqual([]);
    await vi.advanceTimersByTimeAsync(LEASE_MS - 3 * SWEEP_MS);
    expect(queued).toEqual(['stranded']);
    await sweep.stop();
  });

  it('leaves a run to the other worker that is taking it over', async () => {
    const { sweep, queued } = scene({ dead: 'expired' }, { isTaken: true });
    await vi.advanceTimersByTimeAsync(3 * SWEEP_MS);
    expect(queued).toEqual([]);
    await sweep.stop();
  });

  it('tells of a look that failed, and looks again', async () => {
    const { sweep, queued, errors } = scene({ dead: 'expired' }, { fails: 1 });
    await vi.advanceTimersByTimeAsync(SWEEP_MS);
    expect(errors).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(SWEEP_MS);
    expect(queued).toEqual(['dead']);
    await sweep.stop();
  });

  it('looks no more once it is stopped', async () => {
    const { sweep, queued } = scene({ dead: 'expired' });
    await sweep.stop();
    sweep.start();
    await vi.advanceTimersByTimeAsync(10 * SWEEP_MS);
    expect(queued).toEqual([]);
  });
});
