import type { CapacityTier } from './capacity-tier.ts';

/** Which tiers a permit counts in. A plain `Semaphore` has the global one only. */
export interface Seat {
  readonly global: CapacityTier;
  readonly provider: (CapacityTier & { readonly id: string }) | undefined;
  readonly session: (CapacityTier & { readonly id: string }) | undefined;
}
