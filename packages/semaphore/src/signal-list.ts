import type { Seat } from './seat.ts';
import type { SignalLink, Waiter } from './waiter.ts';

/** All waiters of one semaphore that share a signal, behind its only listener. */
export class SignalGroup<S extends Seat> {
  readonly signal: AbortSignal;
  head: SignalLink<S> | undefined = undefined;
  private readonly list: SignalList<S>;

  constructor(list: SignalList<S>, signal: AbortSignal) {
    this.list = list;
    this.signal = signal;
  }

  handleEvent(): void {
    this.list.fire(this);
  }
}

/**
 * One listener per (semaphore, signal). `addEventListener` walks its list for duplicates, so 100,000 listeners on one signal
 * take 18 s to add; here the waiters form a list of their own.
 */
export class SignalList<S extends Seat> {
  private readonly groups = new Map<AbortSignal, SignalGroup<S>>();
  private readonly onAbort: (waiters: Waiter<S>[], reason: unknown) => void;

  constructor(onAbort: (waiters: Waiter<S>[], reason: unknown) => void) {
    this.onAbort = onAbort;
  }

  /** Signals listened to. */
  get size(): number {
    return this.groups.size;
  }

  add(waiter: Waiter<S>, signal: AbortSignal): void {
    const group = this.groups.get(signal) ?? this.listen(signal);
    const { head } = group;
    const link: SignalLink<S> = { waiter, group, prev: undefined, next: head };
    if (head !== undefined) head.prev = link;
    group.head = link;
    waiter.link = link;
  }

  remove(waiter: Waiter<S>): void {
    const { link } = waiter;
    if (link === undefined) return;
    waiter.link = undefined;
    if (link.next !== undefined) link.next.prev = link.prev;
    if (link.prev !== undefined) link.prev.next = link.next;
    else link.group.head = link.next;
    if (link.group.head === undefined) this.leave(link.group);
  }

  /** Hands over the waiters in the order they came. */
  fire(group: SignalGroup<S>): void {
    this.leave(group);
    const waiters: Waiter<S>[] = [];
    for (let link = group.head; link !== undefined; link = link.next) {
      link.waiter.link = undefined;
      waiters.push(link.waiter);
    }
    group.head = undefined;
    this.onAbort(waiters.reverse(), group.signal.reason);
  }

  private listen(signal: AbortSignal): SignalGroup<S> {
    const group = new SignalGroup<S>(this, signal);
    this.groups.set(signal, group);
    signal.addEventListener('abort', group);
    return group;
  }

  private leave(group: SignalGroup<S>): void {
    this.groups.delete(group.signal);
    group.signal.removeEventListener('abort', group);
  }
}
