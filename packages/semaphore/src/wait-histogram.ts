/** Upper bounds of the wait histogram, in milliseconds, inclusive. */
export const WAIT_BOUNDS_MS: readonly number[] = [
  1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
];

/** Waits counted by {@link WAIT_BOUNDS_MS}. `counts` has one more member than `boundsMs`, for what is above the last. */
export interface WaitStats {
  readonly boundsMs: readonly number[];
  readonly counts: readonly number[];
  readonly sumMs: number;
  readonly count: number;
}

/** Counts the waits that were not 0; those that were are known from the number of grants. */
export class WaitHistogram {
  private readonly counts: number[] = Array.from({ length: WAIT_BOUNDS_MS.length + 1 }, () => 0);
  private sumMs = 0;
  private recorded = 0;

  record(waitMs: number): void {
    let bucket = 0;
    while (bucket < WAIT_BOUNDS_MS.length && waitMs > (WAIT_BOUNDS_MS[bucket] ?? Infinity)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumMs += waitMs;
    this.recorded += 1;
  }

  toStats(granted: number): WaitStats {
    const counts = [...this.counts];
    counts[0] = (counts[0] ?? 0) + granted - this.recorded;
    return { boundsMs: WAIT_BOUNDS_MS, counts, sumMs: this.sumMs, count: granted };
  }
}
