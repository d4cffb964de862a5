import { obtain } from './obtain.ts';
import type { Seat } from './seat.ts';
import type { Waiter } from './waiter.ts';

/** All waiters of one semaphore that share a signal, in the order they came, behind its only listener. */
export class SignalGroup<S extends Seat> {
  readonly signal: AbortSignal;
  readonly waiters: Set<Waiter<S>> = new Set();
  readonly #list: SignalList<S>;

  constructor(list: SignalList<S>, signal: AbortSignal) {
    this.#list = list;
    this.signal = signal;
  }

  handleEvent(): void {
    this.#list.fire(this);
  }
}

/**
 * One listener per (semaphore, signal). `addEventListener` walks its list for duplicates, so 100,000 listeners on one signal
 * take 18 s to add.
 */
export class SignalList<S extends Seat> {
  readonly #groups = new Map<AbortSignal, SignalGroup<S>>();
  readonly #onAbort: (waiters: readonly Waiter<S>[], reason: unknown) => void;

  constructor(onAbort: (waiters: readonly Waiter<S>[], reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  /** Signals listened to. */
  get size(): number {
    return this.#groups.size;
  }

  add(waiter: Waiter<S>, signal: AbortSignal): void {
    const group = obtain(this.#groups, signal, () => this.#listen(signal));
    group.waiters.add(waiter);
    waiter.group = group;
  }

  remove(waiter: Waiter<S>): void {
    const { group } = waiter;
    if (group === undefined) return;
    waiter.group = undefined;
    group.waiters.delete(waiter);
    if (group.waiters.size === 0) this.#leave(group);
  }

  /** Hands the waiters over; each leaves the group as it is rejected. */
  fire({ waiters, signal }: SignalGroup<S>): void {
    this.#onAbort([...waiters], signal.reason);
  }

  #listen(signal: AbortSignal): SignalGroup<S> {
    const group = new SignalGroup<S>(this, signal);
    signal.addEventListener('abort', group);
    return group;
  }

  #leave(group: SignalGroup<S>): void {
    this.#groups.delete(group.signal);
    group.signal.removeEventListener('abort', group);
  }
}
