import { CapacityTier } from './capacity-tier.ts';
import type { Flow } from './flow.ts';
import type { HeapNode } from './heap.ts';
import type { TierCounters } from './tier-stats.ts';

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
  /** Called when an ending session has given everything back. */
  onEmpty: (() => void) | undefined = undefined;
  /** One per provider the session waits for; few. */
  readonly flows: Flow[] = [];

  constructor(id: string, capacity: number, counters: TierCounters) {
    super('session', capacity, counters);
    this.id = id;
  }

  get isIdle(): boolean {
    return this.held === 0 && this.waiting === 0;
  }
}
