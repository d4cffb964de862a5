import { CapacityTier } from './capacity-tier.ts';
import type { Clock } from './clock.ts';
import type { Flow } from './flow.ts';
import type { HeapNode } from './heap.ts';
import type { TierCounters } from './tier-stats.ts';
import type { Waiter } from './waiter.ts';

/**
 * One session: its permits, and its tag in start-time fair queueing. As a heap node it stands among the idle sessions, by
 * tag, until the virtual time has caught up with what it was served.
 */
export class SessionTier extends CapacityTier implements HeapNode {
  readonly id: string;
  /** Virtual time at which the session's next call starts. */
  key = 0;
  order = 0;
  slot = -1;
  isEnding = false;
  #onEmpty: (() => void) | undefined;
  /** One per provider the session waits for; few. */
  readonly flows: Flow[] = [];

  constructor(id: string, capacity: number, counters: TierCounters) {
    super('session', capacity, counters);
    this.id = id;
  }

  get isIdle(): boolean {
    return this.held === 0 && this.waiting === 0;
  }

  /** Its calls that wait, provider by provider. */
  waiters(): Waiter<Flow>[] {
    return this.flows.flatMap((flow) => flow.queue.toArray());
  }

  /** Resolves when the session has given everything back, at the latest after the time given. */
  emptied(clock: Clock, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer = clock.startTimer(resolve, timeoutMs, true);
      this.#onEmpty = () => {
        cancelTimer();
        resolve();
      };
    });
  }

  /** Called after each permit that came back. */
  noteReturn(): void {
    if (this.held === 0) this.#onEmpty?.();
  }
}
