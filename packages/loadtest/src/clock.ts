/** Takes a timer back; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void;

/** The only source of time of a run, so that a virtual one can replace the machine's. All times are milliseconds. */
export interface Clock {
  /** True when time advances only as fast as the work does. */
  readonly virtual: boolean;
  /** Monotonic time. */
  now(): number;
  /** Epoch time, for labels only. */
  wallNow(): number;
  /** Runs `work` at the monotonic time `time`, or as soon as possible after it; never before. */
  at(time: number, work: () => void): Cancel;
  /** Lets promises settle before the next timer fires; a machine's clock always does. */
  settle?(): void;
}

/** The machine's clock: `performance.now()` and `setTimeout` on absolute times. */
export const systemClock: Clock = {
  virtual: false,
  now: () => performance.now(),
  wallNow: () => Date.now(),
  at(time, work) {
    const timer = setTimeout(work, Math.max(0, Math.ceil(time - performance.now())));
    return () => clearTimeout(timer);
  },
};

/** Waits `ms` on `clock`; an abort ends the wait early and is no error. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.at(clock.now() + ms, resolve);
    signal?.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}
