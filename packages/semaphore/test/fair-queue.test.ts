import { beforeEach, describe, expect, it } from 'vitest';

import { CapacityTier } from '../src/capacity-tier.ts';
import { FairQueue } from '../src/fair-queue.ts';
import type { Flow } from '../src/flow.ts';
import { ProviderTier } from '../src/provider-tier.ts';
import { SessionTier } from '../src/session-tier.ts';
import { createCounters } from '../src/tier-stats.ts';
import { WaitQueue, type Band, type QueueNode } from '../src/wait-queue.ts';
import { Waiter } from '../src/waiter.ts';

const global = new CapacityTier('global', 9);
let fair = new FairQueue();
let order = 0;

beforeEach(() => {
  fair = new FairQueue();
});

function session(id: string, key = 0, capacity = 1): SessionTier {
  const made = new SessionTier(id, capacity, createCounters());
  made.key = key;
  fair.sessions.set(id, made);
  return made;
}

const provider = (id: string): ProviderTier => new ProviderTier(id, 9, createCounters());

function waiter(flow: Flow, priority = 0): Waiter<Flow> {
  order += 1;
  const place = { order, seat: flow, weight: 1, priority, now: 0, terms: undefined, deadlineOffset: -1 };
  return new Waiter(place, () => {});
}

describe('sessions without work', () => {
  it('are kept while they are ahead of the others, and forgotten when they are level', () => {
    fair.size = 1;
    fair.retire(session('ahead', 1));
    fair.retire(session('level', 0));
    expect([...fair.sessions.keys()]).toEqual(['ahead']);
    expect(fair.liveSessions).toBe(0);
  });

  it('are forgotten when nobody waits', () => {
    fair.charge(session('served'), 1);
    fair.size = 0;
    const ahead = session('ahead');
    ahead.key = 1;
    fair.retire(ahead);
    expect(fair.sessions.has('ahead')).toBe(false);
  });

  it('are ten thousand at most; then the one that is least ahead goes', () => {
    fair.size = 1;
    for (let key = 1; key <= 10_000; key += 1) fair.retire(session(`s${key}`, key));
    expect(fair.sessions.size).toBe(10_000);
    fair.retire(session('last', 99_999));
    expect([fair.sessions.size, fair.idle.size]).toEqual([10_000, 10_000]);
    expect(fair.sessions.has('s1')).toBe(false);
    expect(fair.sessions.has('s2')).toBe(true);
  });

  it('are idle once, however often they are retired, and not while they hold or wait', () => {
    fair.size = 1;
    const one = session('one', 5);
    const busy = session('busy', 5);
    busy.held = 1;
    for (const each of [one, one, busy]) fair.retire(each);
    expect([fair.idle.size, fair.liveSessions]).toEqual([1, 1]);
  });

  it('are not retired in the place of another with the same id', () => {
    fair.size = 1;
    const old = session('same', 5);
    session('same', 5);
    fair.retire(old);
    expect(fair.idle.size).toBe(0);
  });

  it('are no longer idle when they wake, and start where the others are', () => {
    fair.size = 1;
    const one = session('one', 3);
    fair.retire(one);
    fair.charge(session('hog', 7), 1);
    fair.wake(one);
    expect([fair.idle.size, one.key]).toEqual([0, 7]);
    const ahead = session('ahead', 99);
    fair.wake(ahead);
    expect(ahead.key).toBe(99);
  });
});

describe('calls that wait', () => {
  it('are counted in their session and provider, and gone from both when they leave', () => {
    const [glm, kimi] = [provider('glm'), provider('kimi')];
    const one = session('one');
    const flow = fair.flowOf(one, glm, global);
    const [first, second] = [waiter(flow), waiter(flow)];
    fair.add(first, false);
    fair.add(second, false);
    fair.add(waiter(fair.flowOf(one, kimi, global)), false);
    expect(fair.flowOf(one, glm, global)).toBe(flow);
    expect([fair.size, one.waiting, glm.waiting, kimi.waiting, fair.providers.size]).toEqual([3, 3, 2, 1, 2]);
    fair.remove(first);
    expect([fair.size, one.waiting, glm.waiting, glm.ready.size, one.flows.length]).toEqual([2, 2, 1, 1, 2]);
    fair.remove(second);
    expect([fair.size, one.waiting, glm.waiting, glm.ready.size, one.flows.length]).toEqual([1, 1, 0, 0, 1]);
    expect([...fair.providers]).toEqual([kimi]);
  });

  it('are ready only while their session has a permit left', () => {
    const glm = provider('glm');
    const one = session('one', 0, 2);
    const flow = fair.flowOf(one, glm, global);
    const call = waiter(flow);
    one.held = 2;
    fair.add(call, false);
    expect([glm.ready.size, fair.next()]).toEqual([0, undefined]);
    one.held = 1;
    fair.refreshAll(one);
    expect(fair.next()).toBe(call);
    one.held = 2;
    fair.refreshAll(one);
    expect([glm.ready.size, fair.next(), fair.providers.size]).toEqual([0, undefined, 0]);
  });

  it('go by the tag of their session, then by arrival, past providers that are full', () => {
    const [glm, kimi] = [provider('glm'), provider('kimi')];
    const [early, late, favoured] = [session('early', 2), session('late', 2), session('favoured', 1)];
    const [a, b, c] = [
      waiter(fair.flowOf(early, glm, global)),
      waiter(fair.flowOf(late, kimi, global)),
      waiter(fair.flowOf(favoured, kimi, global)),
    ];
    for (const each of [a, b, c]) fair.add(each, false);
    expect(fair.next()).toBe(c);
    expect([a, b, c].map(({ seat }) => fair.rank(seat))).toEqual([0, 1, 0]);
    fair.remove(c);
    expect(fair.next()).toBe(a);
    glm.held = 9;
    expect(fair.next()).toBe(b);
    kimi.held = 9;
    expect(fair.next()).toBeUndefined();
  });

  it('of one session go by priority, then by arrival, past providers that are full', () => {
    const [glm, kimi, moon] = [provider('glm'), provider('kimi'), provider('moon')];
    const one = session('one');
    const calls = [
      waiter(fair.flowOf(one, glm, global), 0),
      waiter(fair.flowOf(one, kimi, global), 5),
      waiter(fair.flowOf(one, moon, global), 5),
    ] as const;
    for (const each of calls) fair.add(each, false);
    expect(fair.next()).toBe(calls[1]);
    kimi.held = 9;
    expect(fair.next()).toBe(calls[2]);
    moon.held = 9;
    expect(fair.next()).toBe(calls[0]);
  });
});

describe('a queue of waiters', () => {
  class Node implements QueueNode<Node> {
    prev: Node | undefined;
    next: Node | undefined;
    band: Band<Node> | undefined;
    readonly priority: number;
    constructor(priority: number) {
      this.priority = priority;
    }
  }
  const queue = (...nodes: readonly Node[]): WaitQueue<Node> => {
    const made = new WaitQueue<Node>();
    for (const node of nodes) made.push(node);
    return made;
  };

  it('is ordered by priority, then by arrival', () => {
    const [low, mid, high, mid2] = [new Node(-1), new Node(0), new Node(7), new Node(0)];
    const made = queue(mid, low, high, mid2);
    expect(made.toArray()).toEqual([high, mid, mid2, low]);
    expect(made.heads()).toEqual([high, mid, low]);
    expect([made.size, made.peek(), made.peekLowest()]).toEqual([4, high, low]);
  });

  it('lets one in at the head, whatever its priority', () => {
    const [high, front] = [new Node(7), new Node(0)];
    const made = queue(high);
    made.pushFront(front);
    expect(made.toArray()).toEqual([front, high]);
    expect(made.size).toBe(2);
  });

  it('keeps no empty priority but the last, and takes another in its place', () => {
    const [high, low] = [new Node(7), new Node(0)];
    const made = queue(high, low);
    made.remove(high);
    expect([made.heads(), made.peek(), made.size]).toEqual([[low], low, 1]);
    made.remove(low);
    made.remove(low);
    expect([made.heads(), made.peek(), made.size]).toEqual([[], undefined, 0]);
    const [next, urgent] = [new Node(3), new Node(4)];
    made.push(next);
    made.push(urgent);
    expect(made.toArray()).toEqual([urgent, next]);
    expect(made.heads()).toHaveLength(2);
  });
});
