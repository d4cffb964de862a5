/** Time as a semaphore sees it. Injectable, so that tests need no sleeps. */
export interface Clock {
  /** Wall clock in epoch milliseconds. Compared with `deadlineAt` only. */
  now(): number;
  /** Milliseconds that never run backwards. */
  monotonic(): number;
  /**
   * Calls back once after `delayMs` (at most 2³¹ − 1) and returns what cancels it. A timer with `keepAlive: false` does
   * not hold the process open.
   */
  startTimer(callback: () => void, delayMs: number, keepAlive: boolean): () => void;
}

/** The process's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  startTimer(callback, delayMs, keepAlive) {
    const timer = setTimeout(callback, delayMs);
    if (!keepAlive) unref(timer);
    return () => clearTimeout(timer);
  },
};

/** Resolves after a time of the clock, in milliseconds. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.startTimer(resolve, delayMs, true));
}

/** Milliseconds since the semaphore was made: small numbers, which V8 stores without a box once rounded. */
export class ElapsedClock {
  readonly clock: Clock;
  readonly #origin: number;
  readonly #epochOrigin: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#origin = clock.monotonic();
    this.#epochOrigin = clock.now();
  }

  elapsed(): number {
    return this.clock.monotonic() - this.#origin;
  }

  /** A deadline in whole milliseconds after the origin, −1 for none. */
  toOffset(deadlineAt: number | undefined): number {
    return deadlineAt === undefined || deadlineAt === Infinity ? -1 : Math.round(deadlineAt - this.#epochOrigin);
  }

  /** The deadline of an offset in epoch milliseconds, undefined for none. */
  toDeadline(offset: number): number | undefined {
    return offset < 0 ? undefined : this.#epochOrigin + offset;
  }
}

/** Lets the process end before the timer does. A browser's timer is a number, which holds nothing open. */
function unref(timer: { unref?(): unknown }): void {
  timer.unref?.();
}
