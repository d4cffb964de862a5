import type { ElapsedClock } from './clock.ts';

/** A sweep may come this much late, in milliseconds, without counting as a stop of the whole process. */
const JITTER_MS = 50;

/**
 * Time that holders age by. Each sweep adds at most twice the planned interval, so that a debugger stop, a laptop's sleep or
 * a blocked loop ages nobody.
 */
export class AgeClock {
  readonly #clock: ElapsedClock;
  #age = 0;
  #readAt = 0;
  #allowance = 0;

  constructor(clock: ElapsedClock) {
    this.#clock = clock;
  }

  /** Moves on to now and says how long it will be until the next call. */
  advance(nextMs: number): number {
    const now = this.#clock.elapsed();
    this.#age += Math.min(now - this.#readAt, this.#allowance);
    this.#readAt = now;
    this.#allowance = nextMs + Math.max(nextMs, JITTER_MS);
    return this.#age;
  }

  /** Starts after a time in which nothing was held; that time does not count. */
  resume(nextMs: number): number {
    this.#allowance = 0;
    return this.advance(nextMs);
  }

  /** The age now. */
  now(): number {
    return this.#age + Math.min(this.#clock.elapsed() - this.#readAt, this.#allowance);
  }
}
