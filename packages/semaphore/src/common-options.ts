import type { Clock } from './clock.ts';
import type { HoldOptions } from './leak-options.ts';

/** What every call may ask for. */
export interface CommonAsk {
  /** Ends the wait with code `ABORTED`; refused at once if already aborted, even when a permit is free. */
  signal?: AbortSignal;
  /** Longest wait in milliseconds, then code `TIMEOUT`. 0 does not wait. @defaultValue no bound */
  timeoutMs?: number;
  /** Epoch milliseconds. Bounds the wait (`DEADLINE_EXCEEDED`) and marks when a granted permit is overdue. */
  deadlineAt?: number;
  /** Longest hold in milliseconds; then `signal` aborts and after the grace the permit is taken back. */
  maxHoldMs?: number;
  /** Higher goes first. @defaultValue 0 */
  priority?: number;
  /** Names the holder in `holders()`, errors and events. */
  label?: string;
}

/** Options of both kinds of semaphore. */
export interface CommonOptions extends HoldOptions {
  /** Calls that may wait; one more is refused with `OVER_CAPACITY`. @defaultValue 100_000, about 40 MB of waiters */
  maxWaiting?: number;
  /** A waiter this close to its `deadlineAt`, in milliseconds, is not granted any more: it could not finish. @defaultValue 0 */
  minRunMs?: number;
  /** Milliseconds between two `health` events; none without a listener. @defaultValue 30_000 */
  healthCheckMs?: number;
  /** What a flow that waits for itself gets. Node only. @defaultValue 'report' from leak level `strict` on, else 'off' */
  deadlock?: 'off' | 'report' | 'throw';
  /** @defaultValue the process's time */
  clock?: Clock;
}
