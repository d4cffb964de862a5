import type { AdaptiveLimit } from './adaptive-limit.ts';
import type { Tier } from './tier.ts';
import { createCounters, type TierCounters } from './tier-stats.ts';

/** Smoothing of observed service times: a fifth of each new one. */
const SERVICE_WEIGHT = 0.2;

/** One counted resource. `available` is derived, so nothing can refill it. */
export class CapacityTier {
  readonly type: Tier;
  readonly counters: TierCounters;
  capacity: number;
  /** What may be held now; below `capacity` only under an adaptive limit. */
  limit: number;
  /** What this process may hold where the limit is shared with others; they decide it together. */
  credit: number = Infinity;
  held = 0;
  waiting = 0;
  /** Of `held`, what no live holder can release. */
  leaked = 0;
  /** Of `held`, what belongs to flows that wait here themselves. */
  blocked = 0;
  /** Smoothed hold time in milliseconds, NaN before the first release. */
  serviceMs: number = Number.NaN;
  adaptive: AdaptiveLimit | undefined;
  #fullSince = -1;
  #fullMs = 0;

  constructor(type: Tier, capacity: number, counters: TierCounters = createCounters()) {
    this.type = type;
    this.capacity = capacity;
    this.limit = capacity;
    this.counters = counters;
  }

  get isFull(): boolean {
    return this.held >= this.limit || this.held >= this.credit;
  }

  /** Notes whether the tier is full from now on. Called at every change while somebody waits, so that waits have a culprit. */
  noteFullness(now: number): void {
    if (this.isFull) {
      if (this.#fullSince < 0) this.#fullSince = now;
    } else if (this.#fullSince >= 0) {
      this.#fullMs += now - this.#fullSince;
      this.#fullSince = -1;
    }
  }

  get isFullNoted(): boolean {
    return this.#fullSince >= 0;
  }

  /** Milliseconds this tier has been full so far. Only differences mean something. */
  fullUntil(now: number): number {
    return this.#fullSince < 0 ? this.#fullMs : this.#fullMs + now - this.#fullSince;
  }

  noteService(holdMs: number): void {
    this.serviceMs = Number.isNaN(this.serviceMs)
      ? holdMs
      : this.serviceMs + SERVICE_WEIGHT * (holdMs - this.serviceMs);
  }

  /** Changes the capacity; an adaptive limit that has been cut stays where it is if it still fits. */
  resize(capacity: number): void {
    const isCut = this.limit < this.capacity;
    this.limit = isCut ? Math.min(this.limit, capacity) : capacity;
    this.capacity = capacity;
  }
}
