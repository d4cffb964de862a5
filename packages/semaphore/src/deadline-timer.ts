import { Alarm } from './alarm.ts';
import type { ElapsedClock } from './clock.ts';
import { Heap } from './heap.ts';
import type { Seat } from './seat.ts';
import type { Waiter } from './waiter.ts';

/** Every deadline of one semaphore behind one timer. The timer keeps the process alive: somebody awaits its outcome. */
export class DeadlineTimer<S extends Seat> {
  readonly #heap = new Heap<Waiter<S>>();
  readonly #clock: ElapsedClock;
  readonly #onExpired: (waiters: Waiter<S>[]) => void;
  readonly #alarm: Alarm;
  #firesAt = Infinity;

  constructor(clock: ElapsedClock, onExpired: (waiters: Waiter<S>[]) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
    this.#alarm = new Alarm(clock.clock, () => this.#fire());
  }

  get size(): number {
    return this.#heap.size;
  }

  /** Adds a waiter whose `key` is set. */
  add(waiter: Waiter<S>, now: number): void {
    this.#heap.push(waiter);
    if (waiter.key < this.#firesAt) this.#arm(waiter.key, now);
  }

  /** A timer that is now too early stays: it finds nothing and is set anew, which is cheaper than setting it per grant. */
  remove(waiter: Waiter<S>): void {
    if (waiter.slot < 0) return;
    this.#heap.remove(waiter);
    if (this.#heap.size > 0) return;
    this.#alarm.clear();
    this.#firesAt = Infinity;
  }

  #fire(): void {
    this.#firesAt = Infinity;
    const now = this.#clock.elapsed();
    const expired: Waiter<S>[] = [];
    for (let first = this.#heap.peek(); first !== undefined && first.key <= now; first = this.#heap.peek()) {
      this.#heap.remove(first);
      expired.push(first);
    }
    const next = this.#heap.peek();
    if (next !== undefined) this.#arm(next.key, now);
    this.#onExpired(expired);
  }

  #arm(at: number, now: number): void {
    this.#firesAt = at;
    this.#alarm.set(at - now, true);
  }
}
