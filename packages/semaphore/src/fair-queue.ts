import { Flow } from './flow.ts';
import { Heap, isBefore } from './heap.ts';
import type { ProviderTier } from './provider-tier.ts';
import type { SessionTier } from './session-tier.ts';
import type { Waiter } from './waiter.ts';

/** Idle sessions remembered at most. Past it the one with the smallest tag is forgiven what it is ahead. */
const MAX_IDLE = 10_000;

/**
 * Start-time fair queueing of sessions over a conjunction of tiers. Every session has a tag, moved on by 1 / weight per grant;
 * of the calls that could start now, the one of the session with the smallest tag does. A session that idles earns no credit.
 * Ready flows sit in one heap per provider, so a grant costs O(log sessions).
 */
export class FairQueue {
  /** Calls waiting. */
  size = 0;
  /** Sessions with work, and idle ones whose tag is still ahead of the virtual time. */
  readonly sessions: Map<string, SessionTier> = new Map();
  /** Sessions without work, by tag. */
  readonly idle: Heap<SessionTier> = new Heap();
  /** Providers with a ready flow. */
  readonly providers: Set<ProviderTier> = new Set();
  #virtualTime = 0;
  /** The largest tag given out. */
  #lastTag = 0;

  add(waiter: Waiter<Flow>, atHead: boolean): void {
    const { session, provider, queue } = waiter.seat;
    if (session.waiting === 0) this.wake(session);
    if (queue.size === 0) session.flows.push(waiter.seat);
    if (atHead) queue.pushFront(waiter);
    else queue.push(waiter);
    this.size += 1;
    session.waiting += 1;
    provider.waiting += 1;
    this.#refresh(waiter.seat);
  }

  remove(waiter: Waiter<Flow>): void {
    const flow = waiter.seat;
    const { session, provider } = flow;
    flow.queue.remove(waiter);
    this.size -= 1;
    session.waiting -= 1;
    provider.waiting -= 1;
    if (flow.queue.size === 0) session.flows.splice(session.flows.indexOf(flow), 1);
    this.#refresh(flow);
    this.retire(session);
  }

  /** The waiter to grant next, or undefined when every waiting call lacks a tier. */
  next(): Waiter<Flow> | undefined {
    let best: Flow | undefined;
    for (const provider of this.providers) {
      const flow = provider.isFull ? undefined : provider.ready.peek();
      if (flow !== undefined && (best === undefined || isBefore(flow, best))) best = flow;
    }
    return best === undefined ? undefined : preferred(best).queue.peek();
  }

  /** Charges a session for a grant, whether it waited or not. */
  charge(session: SessionTier, weight: number): void {
    this.#virtualTime = Math.max(this.#virtualTime, session.key);
    session.key = this.#virtualTime + 1 / weight;
    this.#lastTag = Math.max(this.#lastTag, session.key);
    // Without waiters there is nobody to be fair to: all start level at the next contention.
    if (this.size === 0) this.#virtualTime = this.#lastTag;
  }

  /** Sessions that hold or wait. */
  get liveSessions(): number {
    return this.sessions.size - this.idle.size;
  }

  /** The flow of a session to a provider, new if none waits there. */
  flowOf(session: SessionTier, provider: ProviderTier, global: Flow['global']): Flow {
    for (const flow of session.flows) if (flow.provider === provider) return flow;
    return new Flow(global, provider, session);
  }

  /** Ends the idleness of a session: no credit for the time it asked for nothing. */
  wake(session: SessionTier): void {
    if (session.slot >= 0) this.idle.remove(session);
    session.key = Math.max(session.key, this.#virtualTime);
  }

  /** Puts the session's flows where they belong after its tag, its permits or its waiters changed. */
  refreshAll(session: SessionTier): void {
    for (const flow of session.flows) this.#refresh(flow);
  }

  /** Lets go of a session without work, at once or when its tag is no longer ahead. */
  retire(session: SessionTier): void {
    if (!session.isIdle || session.slot >= 0) return;
    // A late release may come from a session whose id is in use again.
    if (this.sessions.get(session.id) !== session) return;
    this.idle.push(session);
    if (this.size === 0) this.#virtualTime = this.#lastTag;
    this.#forget();
  }

  /** How many flows to the same provider go before this one. */
  rank(flow: Flow): number {
    let before = 0;
    for (const other of flow.provider.ready.values()) if (other !== flow && isBefore(other, flow)) before += 1;
    return before;
  }

  #refresh(flow: Flow): void {
    const { session, provider, queue } = flow;
    const head = queue.peek();
    if (head === undefined || session.isFull) {
      if (flow.slot >= 0) provider.ready.remove(flow);
      if (provider.ready.size === 0) this.providers.delete(provider);
      return;
    }
    flow.key = session.key;
    flow.order = head.order;
    if (flow.slot >= 0) provider.ready.update(flow);
    else provider.ready.push(flow);
    this.providers.add(provider);
  }

  /** Idle sessions whose tag is not ahead hold no information any more. */
  #forget(): void {
    for (let first = this.idle.peek(); first !== undefined; first = this.idle.peek()) {
      if (first.key > this.#virtualTime && this.idle.size <= MAX_IDLE) return;
      this.idle.remove(first);
      this.sessions.delete(first.id);
    }
  }
}

/** Of the flows of one session that could start now, the one whose call has the highest priority, then came first. */
function preferred(flow: Flow): Flow {
  let best = flow;
  for (const other of flow.session.flows)
    if (other !== best && !other.provider.isFull && isPreferred(other, best)) best = other;
  return best;
}

function isPreferred(flow: Flow, other: Flow): boolean {
  const [a, b] = [flow.queue.peek(), other.queue.peek()];
  if (a === undefined || b === undefined) return false;
  return a.priority > b.priority || (a.priority === b.priority && a.order < b.order);
}
