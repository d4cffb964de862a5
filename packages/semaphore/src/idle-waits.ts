import { AcquireError } from './acquire-error.ts';
import type { Clock } from './clock.ts';

/** Bounds of a wait for idleness. */
export interface DrainOptions {
  signal?: AbortSignal;
  /** Milliseconds. @defaultValue no bound */
  timeoutMs?: number;
}

/** Promises that settle when a semaphore is idle. */
export class IdleWaits {
  #listeners: (() => void)[] = [];
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at the next {@link settle}; rejects with `TIMEOUT` or `ABORTED`. */
  wait({ signal, timeoutMs }: DrainOptions, describe: () => string): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(toAbortError(signal));
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => (): void => {
        cancelTimer?.();
        signal?.removeEventListener('abort', onAbort);
        this.#listeners = this.#listeners.filter((each) => each !== onIdle);
        settle();
      };
      const onIdle = end(resolve);
      const onAbort = end(() => reject(toAbortError(signal)));
      const onTimeout = end(() =>
        reject(new AcquireError('TIMEOUT', `not idle within ${timeoutMs} ms: ${describe()}`)),
      );
      const cancelTimer = timeoutMs === undefined ? undefined : this.#clock.startTimer(onTimeout, timeoutMs, true);
      signal?.addEventListener('abort', onAbort);
      this.#listeners.push(onIdle);
    });
  }

  settle(): void {
    for (const listener of this.#listeners) listener();
  }
}

function toAbortError(signal: AbortSignal | undefined): AcquireError {
  return new AcquireError('ABORTED', 'the wait for idleness was aborted', { cause: signal?.reason });
}
