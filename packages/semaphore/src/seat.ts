import type { CapacityTier } from './capacity-tier.ts';

/** A tier that has a name. */
export type NamedTier = CapacityTier & { readonly id: string };

/** Which tiers a permit counts in. A plain `Semaphore` has the global one only. */
export interface Seat {
  readonly global: CapacityTier;
  readonly provider: NamedTier | undefined;
  readonly session: NamedTier | undefined;
}

/** The tiers of a seat, widest first. */
export function tiersOf({ global, provider, session }: Seat): CapacityTier[] {
  return [global, provider, session].filter((tier) => tier !== undefined);
}

/** Whose a permit or a call is, for events and holders. */
export interface Whose {
  readonly provider?: string;
  readonly session?: string;
  readonly label?: string;
}

/** What is known of {@link Whose}; absent keys are left out. */
export function whose({ provider, session }: Seat, label: string | undefined): Whose {
  return {
    ...(provider !== undefined && { provider: provider.id }),
    ...(session !== undefined && { session: session.id }),
    ...(label !== undefined && { label }),
  };
}
