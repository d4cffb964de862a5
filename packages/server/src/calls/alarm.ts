/** Longest delay a timer of the platform takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * One timer for any number of due times, which come and go far more often than they are reached. Whoever has a due time says so
 * by {@link by}; nobody takes one back, a ring that finds nothing due costs little. Times are those of `performance.now()`.
 */
export class Alarm {
  readonly #ring: (now: number) => number;
  readonly #slackMs: number;
  #timer: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;

  /**
   * @param ring does what is due and gives the next due time, `Infinity` for none.
   * @param slackMs shortest time between two rings, so that many due times cost few rings.
   */
  constructor(ring: (now: number) => number, slackMs: number) {
    this.#ring = ring;
    this.#slackMs = slackMs;
  }

  /** Rings at `at`, or before. */
  by(at: number): void {
    if (at >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    const delayMs = Math.min(MAX_DELAY_MS, Math.max(0, Math.ceil(at - performance.now())));
    this.#timer = setTimeout(() => this.#go(), delayMs);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Number.POSITIVE_INFINITY;
  }

  #go(): void {
    this.#at = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const next = this.#ring(now);
    if (next < Number.POSITIVE_INFINITY) this.by(Math.max(next, now + this.#slackMs));
  }
}
