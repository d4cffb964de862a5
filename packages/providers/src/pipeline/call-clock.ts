import { type Clock, systemClock } from '../timeouts/clock.ts';

/** Longest delay a timer can hold. */
const LONGEST_MS = 2_147_483_647;

/** `clock`, but with timers that keep the process alive where it is the machine's own: a call that waits is not over. */
export function callClock(clock: Clock): Clock {
  if (clock !== systemClock) return clock;
  return {
    ...systemClock,
    after: (ms, run) => {
      const timer = setTimeout(run, Math.min(ms, LONGEST_MS));
      return () => clearTimeout(timer);
    },
  };
}

/** Waits; rejects with the signal's reason when that aborts first. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason }));
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
