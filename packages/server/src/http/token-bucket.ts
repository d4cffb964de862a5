/** Lets `rate` units through per second, and `burst` at once after a rest. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #level: number;
  #at = performance.now();

  constructor(rate: number, burst: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = burst;
  }

  /** Takes `amount` in any case; what is not there has to be waited for, see {@link waitMs}. */
  spend(amount: number): void {
    this.#refill();
    this.#level -= amount;
  }

  /** Takes `amount` if there is any left. */
  take(amount: number): boolean {
    this.#refill();
    const had = this.#level > 0;
    if (had) this.#level -= amount;
    return had;
  }

  /** Milliseconds until something can be taken. */
  waitMs(): number {
    this.#refill();
    return this.#level > 0 ? 0 : Math.ceil(((1 - this.#level) / this.#rate) * 1000);
  }

  #refill(): void {
    const now = performance.now();
    this.#level = Math.min(this.#burst, this.#level + ((now - this.#at) / 1000) * this.#rate);
    this.#at = now;
  }
}
