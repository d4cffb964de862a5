import { checkPositive } from './check-argument.ts';

/** Sheds load when even the shortest wait of an interval is too long (controlled delay, as folly's `Codel`). */
export interface ShedOptions {
  /** Wait in milliseconds that is fine. Above it for a whole interval, calls that waited more than twice as long are shed. */
  targetMs: number;
  /** Length of the interval in milliseconds. */
  intervalMs: number;
}

/** Decides at dequeue. Minimum over an interval, so that a burst alone sheds nothing. */
export class Codel {
  readonly #targetMs: number;
  readonly #intervalMs: number;
  #shortest = 0;
  #endsAt = -Infinity;
  #isOverloaded = false;

  constructor({ targetMs, intervalMs }: ShedOptions) {
    checkPositive('shed.targetMs', targetMs);
    checkPositive('shed.intervalMs', intervalMs);
    this.#targetMs = targetMs;
    this.#intervalMs = intervalMs;
  }

  /** Whether a call that waited this long is to be refused now. */
  sheds(waitedMs: number, now: number): boolean {
    if (now >= this.#endsAt) {
      // After a lull the last interval says nothing about this one.
      this.#isOverloaded = now < this.#endsAt + this.#intervalMs && this.#shortest > this.#targetMs;
      this.#shortest = waitedMs;
      this.#endsAt = now + this.#intervalMs;
    }
    this.#shortest = Math.min(this.#shortest, waitedMs);
    return this.#isOverloaded && waitedMs > 2 * this.#targetMs;
  }
}
