import type { HeapNode } from './heap.ts';
import type { HoldTerms } from './hold-terms.ts';
import type { HeldPermit } from './permit.ts';
import type { Seat } from './seat.ts';
import type { SignalGroup } from './signal-list.ts';
import type { Band, QueueNode } from './wait-queue.ts';

/**
 * One queued call: its promise, its place in the queue, and as a heap node its deadline (`key`, −1 for none). It holds no
 * permit. Times are whole milliseconds since the semaphore was made, which need no box on the heap.
 */
export class Waiter<S extends Seat> implements QueueNode<Waiter<S>>, HeapNode {
  prev: Waiter<S> | undefined;
  next: Waiter<S> | undefined;
  band: Band<Waiter<S>> | undefined;
  /** The waiters with the same signal. */
  group: SignalGroup<S> | undefined;
  key = -1;
  order: number;
  slot = -1;
  /** Whether `key` comes from `deadlineAt`, else from `timeoutMs`. */
  hasDeadline = false;
  readonly settle: Settle<S>;
  readonly seat: S;
  /** Permits of a plain semaphore; the session's share of a tiered one. */
  readonly weight: number;
  readonly priority: number;
  readonly enqueuedAt: number;
  readonly terms: HoldTerms | undefined;
  /** `deadlineAt` as an offset of the clock, −1 for none. */
  readonly deadlineOffset: number;
  /** How long each tier had been full on arrival; the difference at the end is the wait that it caused. */
  globalFull = 0;
  providerFull = 0;
  sessionFull = 0;

  constructor(place: WaiterPlace<S>, settle: Settle<S>) {
    this.settle = settle;
    this.order = place.order;
    this.seat = place.seat;
    this.weight = place.weight;
    this.priority = place.priority;
    this.enqueuedAt = Math.floor(place.now);
    this.terms = place.terms;
    this.deadlineOffset = place.deadlineOffset;
  }

  reject(error: Error): void {
    // oxlint-disable-next-line promise/no-promise-in-callback -- the resolver adopts it; see Settle
    this.settle(Promise.reject(error));
  }
}

/** The resolver of a waiter's promise. It rejects by a rejected promise, which saves every waiter a second function. */
export type Settle<S extends Seat> = (outcome: HeldPermit<S> | Promise<never>) => void;

/** What a {@link Waiter} is made from. */
export interface WaiterPlace<S extends Seat> {
  readonly order: number;
  readonly seat: S;
  readonly weight: number;
  readonly priority: number;
  readonly now: number;
  readonly terms: HoldTerms | undefined;
  readonly deadlineOffset: number;
}
