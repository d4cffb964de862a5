import { MAX_TIMER_MS } from './check-argument.ts';
import type { Clock } from './clock.ts';

/** One timer that can be set anew. Rings once per setting. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  get isSet(): boolean {
    return this.#cancel !== undefined;
  }

  /** Rings in whole milliseconds, rounded up, and not later than a timer can; not again at the time set before. */
  set(delayMs: number, keepAlive: boolean): void {
    this.clear();
    const ring = (): void => {
      this.#cancel = undefined;
      this.#ring();
    };
    this.#cancel = this.#clock.startTimer(ring, Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(delayMs))), keepAlive);
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
