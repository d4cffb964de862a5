import { describe, expect, it } from 'vitest';

import { CapacityTier } from '../src/capacity-tier.ts';
import { DeadlockWatch, iterateInFlow, type Flowing } from '../src/deadlock-watch.ts';
import type { FlowContext, FlowNode } from '../src/flow-context.ts';
import { HoldRecord } from '../src/hold-record.ts';
import { HeldPermit, type PermitOwner } from '../src/permit.ts';
import type { Seat } from '../src/seat.ts';
import { Waiter } from '../src/waiter.ts';

/** A context without asynchronous calls: the flow is the innermost `run` on the stack. */
function stackContext(): FlowContext {
  let store: FlowNode | undefined;
  return {
    getStore: () => store,
    run(node, task) {
      const before = store;
      store = node;
      try {
        return task();
      } finally {
        store = before;
      }
    },
  };
}

/** Whose permits are never released. */
const NOBODY: PermitOwner<Seat> = {
  giveBack: () => {},
  noteLateRelease: () => {},
  openSignal: () => new AbortController(),
  noteTouch: () => {},
};

function setUp(capacity: number) {
  const tier = new CapacityTier('global', capacity);
  const seat: Seat = { global: tier, provider: undefined, session: undefined };
  const watch = new DeadlockWatch(stackContext());
  let id = 0;
  const hold = (weight = 1): { record: HoldRecord<Seat>; flow: Flowing } => {
    tier.held += weight;
    const record = new HoldRecord(new HeldPermit(NOBODY, seat, (id += 1), weight, 0, undefined), undefined);
    return { record, flow: watch.open(record) };
  };
  const waiter = (): Waiter<Seat> =>
    new Waiter({ order: 1, seat, weight: 1, priority: 0, now: 0, terms: undefined, deadlineOffset: -1 }, () => {});
  return { tier, watch, hold, waiter };
}

describe('a watch for deadlocks', () => {
  it('says nothing of a wait outside any flow', () => {
    const { tier, watch, waiter } = setUp(0);
    expect(watch.wait(waiter())).toBeUndefined();
    expect(tier.blocked).toBe(0);
  });

  it('tells of the innermost permit when all of a tier belong to flows that wait', () => {
    const { tier, watch, hold, waiter } = setUp(3);
    const [outer, inner] = [hold(), hold(2)];
    outer.flow.enter(() => {
      inner.flow.enter(() => expect(watch.wait(waiter())).toEqual({ tier, holder: inner.record }));
    });
    expect(tier.blocked).toBe(3);
  });

  it('says nothing while a permit is held by a flow that does not wait, or one is free', () => {
    const busy = setUp(2);
    const waits = busy.hold();
    busy.hold();
    waits.flow.enter(() => expect(busy.watch.wait(busy.waiter())).toBeUndefined());
    const roomy = setUp(2);
    roomy.hold().flow.enter(() => expect(roomy.watch.wait(roomy.waiter())).toBeUndefined());
  });

  it('counts a permit as blocked until the last nested wait of its flow ends, each once', () => {
    const { tier, watch, hold, waiter } = setUp(1);
    const { flow } = hold();
    const [first, second] = [waiter(), waiter()];
    flow.enter(() => {
      watch.wait(first);
      watch.wait(second);
    });
    expect(tier.blocked).toBe(1);
    watch.stopWaiting(first);
    watch.stopWaiting(first);
    expect(tier.blocked).toBe(1);
    watch.stopWaiting(second);
    expect(tier.blocked).toBe(0);
    watch.stopWaiting(second);
    expect(tier.blocked).toBe(0);
  });

  it('forgets a permit whose flow leaves, and what waited in it', () => {
    const { tier, watch, hold, waiter } = setUp(1);
    const { flow, record } = hold();
    const inside = waiter();
    flow.enter(() => watch.wait(inside));
    flow.leave();
    expect([tier.blocked, record.blockedBy]).toEqual([0, 0]);
    watch.stopWaiting(inside);
    expect([tier.blocked, record.blockedBy]).toEqual([0, 0]);
    flow.enter(() => expect(watch.wait(waiter())).toBeUndefined());
    expect(tier.blocked).toBe(0);
    const idle = hold();
    idle.flow.leave();
    expect(tier.blocked).toBe(0);
  });

  it('does not count a permit that was taken back', () => {
    const { watch, hold, waiter } = setUp(1);
    const { flow, record } = hold();
    record.state = 'quarantined';
    flow.enter(() => expect(watch.wait(waiter())).toBeUndefined());
  });
});

describe('a stream inside a flow', () => {
  const log: string[] = [];
  const flow: Flowing = {
    enter(task) {
      log.push('enter');
      return task();
    },
    leave: () => {},
  };
  async function* source(): AsyncGenerator<number> {
    try {
      yield 1;
      yield 2;
    } finally {
      log.push('closed');
    }
  }

  it('takes every step in it, and closes its source only when it is left early', async () => {
    log.length = 0;
    const all: number[] = [];
    for await (const each of iterateInFlow(flow, source())) all.push(each);
    expect(all).toEqual([1, 2]);
    expect(log).toEqual(['enter', 'enter', 'enter', 'closed']);
    log.length = 0;
    for await (const each of iterateInFlow(flow, source())) if (each === 1) break;
    expect(log).toEqual(['enter', 'enter', 'closed']);
  });

  it('does not close a source that failed', async () => {
    const returned: string[] = [];
    const failing: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('gone')),
        return: () => {
          returned.push('return');
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    await expect(iterateInFlow(flow, failing).next()).rejects.toThrow('gone');
    expect(returned).toEqual([]);
  });
});
