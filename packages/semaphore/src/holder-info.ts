/** Where a held permit stands. `overdue` is a fact about time; only `leaked` permits are proven to be unreleasable. */
export type HolderState = 'held' | 'overdue' | 'leaked' | 'quarantined';

/** What proved that a permit cannot be released any more, or took it away. */
export type LossReason = 'gc' | 'scope' | 'lease' | 'manual';

/** Plain facts about one held permit. Never the permit itself, so that looking at holders keeps none alive. */
export interface HolderInfo {
  readonly id: number;
  /** Grows with every grant of one semaphore: of two holders the later one has the larger fence. */
  readonly fence: number;
  readonly provider?: string;
  readonly session?: string;
  readonly label?: string;
  readonly weight: number;
  /** Milliseconds held. Stops of the whole process (debugger, sleep, blocked loop) do not count. */
  readonly ageMs: number;
  /** Epoch milliseconds. */
  readonly deadlineAt?: number;
  readonly state: HolderState;
  /** Where the permit was asked for, from leak level `strict` on. */
  readonly stack?: string;
  /** The note of the last `touch()`. */
  readonly note?: string;
}
