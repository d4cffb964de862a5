/** The time source of the time-outs; tests and simulations bring virtual time by passing their own. */
export interface Clock {
  /** Monotonic milliseconds; only differences matter. */
  readonly now: () => number;
  /** Epoch milliseconds, for `deadlineAt`. */
  readonly epoch: () => number;
  /** Runs `run` after `ms` milliseconds; the function returned cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Runs `run` after pending socket input was delivered: in Node a `setImmediate`, elsewhere a zero timer. */
  readonly afterInput: (run: () => void) => void;
}

/** The machine's own clock. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    // A browser's timer is a number and has no `unref`.
    if (typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
  afterInput: (run) => {
    const immediate: unknown = Reflect.get(globalThis, 'setImmediate');
    if (typeof immediate === 'function') immediate(run);
    else setTimeout(run, 0);
  },
};
