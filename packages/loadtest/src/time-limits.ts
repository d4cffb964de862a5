import type { Cancel, Clock } from './clock.ts';

interface Queue<T> {
  /** When each runs out, the first one first. */
  readonly items: Map<T, number>;
  timer: Cancel;
}

/** Watches over many things with few time limits: those with the same limit run out in the order in which they began, under one timer. */
export class TimeLimits<T> {
  readonly #clock: Clock;
  readonly #onOver: (item: T) => void;
  readonly #queues = new Map<number, Queue<T>>();

  constructor(clock: Clock, onOver: (item: T) => void) {
    this.#clock = clock;
    this.#onOver = onOver;
  }

  /** Calls `onOver` with the item `limitMs` after `now`, unless it is deleted before. */
  add(item: T, limitMs: number, now: number = this.#clock.now()): void {
    const at = now + limitMs;
    const queue = this.#queues.get(limitMs);
    if (queue) queue.items.set(item, at);
    else this.#queues.set(limitMs, { items: new Map([[item, at]]), timer: this.#arm(limitMs, at) });
  }

  delete(item: T, limitMs: number): void {
    this.#queues.get(limitMs)?.items.delete(item);
  }

  /** Forgets everything. */
  clear(): void {
    for (const { timer } of this.#queues.values()) timer();
    this.#queues.clear();
  }

  #arm(limitMs: number, at: number): Cancel {
    return this.#clock.at(at, () => this.#onTime(limitMs));
  }

  /** The timer is not taken back with its item: whoever is first by now decides whether it is time, and for whom it rings next. */
  #onTime(limitMs: number): void {
    const queue = this.#queues.get(limitMs);
    if (!queue) return;
    for (const [item, at] of queue.items) {
      if (at > this.#clock.now()) {
        queue.timer = this.#arm(limitMs, at);
        return;
      }
      queue.items.delete(item);
      this.#onOver(item);
    }
    // A limit that comes back gets a new queue.
    this.#queues.delete(limitMs);
  }
}
