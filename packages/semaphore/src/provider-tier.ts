import { CapacityTier } from './capacity-tier.ts';
import type { Flow } from './flow.ts';
import { Heap } from './heap.ts';
import type { TierCounters } from './tier-stats.ts';

/** One provider: its permits, and the flows that could use one of them, fairest first. */
export class ProviderTier extends CapacityTier {
  readonly id: string;
  /** Flows with a waiting call whose session has a free permit. */
  readonly ready: Heap<Flow> = new Heap();

  constructor(id: string, capacity: number, counters: TierCounters) {
    super('provider', capacity, counters);
    this.id = id;
  }
}
