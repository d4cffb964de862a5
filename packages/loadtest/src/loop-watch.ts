import type { Cancel, Clock } from './clock.ts';

const EVERY_MS = 10;

/** Watches its own event loop: a sender that was not running cannot have measured anybody. */
export class LoopWatch {
  longestStallMs = 0;
  #expectedAt = 0;
  #cancel: Cancel | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    if (this.#clock.virtual) return;
    this.#arm();
  }

  stop(): void {
    this.#note();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    this.#expectedAt = this.#clock.now() + EVERY_MS;
    this.#cancel = this.#clock.at(this.#expectedAt, () => {
      this.#note();
      this.#arm();
    });
  }

  #note(): void {
    if (!this.#cancel) return;
    this.longestStallMs = Math.max(this.longestStallMs, this.#clock.now() - this.#expectedAt);
  }
}
