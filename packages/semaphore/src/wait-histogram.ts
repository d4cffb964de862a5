/** Upper bounds of the wait histogram, in milliseconds, inclusive. */
export const WAIT_BOUNDS_MS: readonly number[] = [
  1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
];

/** Waits counted by upper bounds, inclusive. `counts` has one more member than `boundsMs`, for what is above the last. */
export interface WaitStats {
  readonly boundsMs: readonly number[];
  readonly counts: readonly number[];
  readonly sumMs: number;
  readonly count: number;
}

/** Counts the waits that were not 0; those that were are known from the number of grants. */
export class WaitHistogram {
  readonly #counts: number[] = Array.from({ length: WAIT_BOUNDS_MS.length + 1 }, () => 0);
  #sumMs = 0;

  record(waitMs: number): void {
    let bucket = 0;
    while (waitMs > (WAIT_BOUNDS_MS[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sumMs += waitMs;
  }

  toStats(granted: number): WaitStats {
    const [fastest = 0, ...rest] = this.#counts;
    const unrecorded = this.#counts.reduce((left, count) => left - count, granted);
    return { boundsMs: WAIT_BOUNDS_MS, counts: [fastest + unrecorded, ...rest], sumMs: this.#sumMs, count: granted };
  }
}
