import type { ErrorClass } from '../chat/provider-error.ts';

/** When and how often a failed attempt is repeated. */
export interface RetryOptions {
  /** Further attempts after the first. @defaultValue 2 */
  readonly retries?: number | undefined;
  /** Back-off before the first retry, at most, in milliseconds; it doubles each time. @defaultValue 500 */
  readonly baseMs?: number | undefined;
  /** Longest back-off in milliseconds. @defaultValue 30_000 */
  readonly capMs?: number | undefined;
  /** A longer `Retry-After` than this ends the call instead of sleeping, in milliseconds. @defaultValue 60_000 */
  readonly maxRetryAfterMs?: number | undefined;
  /** Retries and hedges a provider may spend at once. @defaultValue 10 */
  readonly budget?: number | undefined;
  /** What every call adds to the budget. @defaultValue 0.1 */
  readonly budgetPerCall?: number | undefined;
}

/** Full-jitter back-off inside a budget shared by all calls of a provider, so that retries cannot become the load. */
export class RetryPolicy {
  readonly retries: number;
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #maxRetryAfterMs: number;
  readonly #budget: number;
  readonly #perCall: number;
  readonly #random: () => number;
  #tokens: number;

  /** @throws RangeError when a number is out of range. */
  constructor(options: RetryOptions, random: () => number) {
    this.retries = atLeastZero('retry.retries', options.retries ?? 2);
    this.#baseMs = atLeastZero('retry.baseMs', options.baseMs ?? 500);
    this.#capMs = atLeastZero('retry.capMs', options.capMs ?? 30_000);
    this.#maxRetryAfterMs = atLeastZero('retry.maxRetryAfterMs', options.maxRetryAfterMs ?? 60_000);
    this.#budget = atLeastZero('retry.budget', options.budget ?? 10);
    this.#perCall = atLeastZero('retry.budgetPerCall', options.budgetPerCall ?? 0.1);
    this.#random = random;
    this.#tokens = this.#budget;
  }

  /** Credits one call. */
  credit(): void {
    this.#tokens = Math.min(this.#budget, this.#tokens + this.#perCall);
  }

  /** Takes one unit; false when the budget is spent. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds before retry number `n` (from 0), or `undefined` when the provider asks for more than is waited. */
  delayMs(n: number, error: ErrorClass): number | undefined {
    const asked = error.retryAfterMs ?? 0;
    if (asked > this.#maxRetryAfterMs) return undefined;
    const ceiling = Math.min(this.#capMs, this.#baseMs * (error.backoffFactor ?? 1) * 2 ** n);
    return Math.max(asked, this.#random() * ceiling);
  }
}

function atLeastZero(name: string, value: number): number {
  if (!(value >= 0 && Number.isFinite(value))) throw new RangeError(`${name} must be 0 or more, got ${value}`);
  return value;
}
