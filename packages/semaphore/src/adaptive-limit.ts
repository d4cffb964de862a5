import { check, checkPositiveInteger } from './check-argument.ts';
import type { Outcome } from './tier.ts';

/** Additive increase, multiplicative decrease. Latency is no signal: an LLM call lasts as long as its answer. */
export interface AimdOptions {
  /** What an overload multiplies the limit by. @defaultValue 0.7 */
  decrease?: number;
  /** Clean releases under load before the limit grows by 1. @defaultValue 20 */
  increaseAfter?: number;
}

const DEFAULT_DECREASE = 0.7;
const DEFAULT_INCREASE_AFTER = 20;

/** The state of one adaptive limit, between 1 and the configured capacity. */
export class AdaptiveLimit {
  readonly decrease: number;
  readonly increaseAfter: number;
  #clean = 0;
  /** Permits up to this fence were granted before the last cut and cannot cut again. */
  #cutFence = 0;

  constructor(options: AimdOptions = {}) {
    this.decrease = options.decrease ?? DEFAULT_DECREASE;
    this.increaseAfter = options.increaseAfter ?? DEFAULT_INCREASE_AFTER;
    check(
      Number.isFinite(this.decrease) && this.decrease > 0 && this.decrease < 1,
      'adaptive.decrease',
      'a number between 0 and 1',
      this.decrease,
    );
    checkPositiveInteger('adaptive.increaseAfter', this.increaseAfter, false);
  }

  /** The limit after one release; `held` counts the released permit, `lastFence` is the newest grant's. */
  next(
    outcome: Outcome,
    now: { limit: number; capacity: number; held: number; fence: number; lastFence: number },
  ): number {
    if (outcome === 'ignore') return now.limit;
    if (outcome === 'overload') return this.#cut(now);
    // A limit that is not used says nothing about being too low.
    if (2 * now.held < now.limit) return now.limit;
    this.#clean += 1;
    if (this.#clean < this.increaseAfter || now.limit >= now.capacity) return now.limit;
    this.#clean = 0;
    return now.limit + 1;
  }

  #cut({ limit, fence, lastFence }: { limit: number; fence: number; lastFence: number }): number {
    if (fence <= this.#cutFence) return limit;
    this.#cutFence = lastFence;
    this.#clean = 0;
    return Math.max(1, Math.floor(this.decrease * limit));
  }
}
