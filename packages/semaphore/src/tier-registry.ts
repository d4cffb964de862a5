import type { CapacityTier } from './capacity-tier.ts';
import type { FairQueue } from './fair-queue.ts';
import type { Flow } from './flow.ts';
import { obtain } from './obtain.ts';
import { providerName } from './provider-name.ts';
import { ProviderTier } from './provider-tier.ts';
import { toAdaptive } from './semaphore-grants.ts';
import { SessionTier } from './session-tier.ts';
import { createCounters, type TierCounters } from './tier-stats.ts';
import type { TierReading } from './tier-view.ts';
import type { TieredOptions } from './tiered-options.ts';

/** The tiers of a `TieredSemaphore`: made when first asked for, dropped when idle. */
export class TierRegistry {
  readonly global: CapacityTier;
  readonly providers: Map<string, ProviderTier> = new Map();
  /** By provider name. Counters outlive the tiers of single accounts. */
  readonly providerCounters: Map<string, TierCounters> = new Map();
  readonly sessionCounters: TierCounters = createCounters();
  sessionCapacity: number;
  /** Told of every tier of a provider or a session before its first use. */
  onTier: ((tier: ProviderTier | SessionTier) => void) | undefined;
  readonly #options: TieredOptions;
  readonly #fair: FairQueue;

  constructor(options: TieredOptions, fair: FairQueue, global: CapacityTier) {
    this.#options = { ...options, providers: { ...options.providers } };
    this.#fair = fair;
    this.global = global;
    this.sessionCapacity = options.session;
    for (const id of Object.keys(options.providers)) this.providerOf(id);
  }

  flowOf(ask: { session: string; provider: string }): Flow {
    return this.#fair.flowOf(this.#sessionOf(ask.session), this.providerOf(ask.provider), this.global);
  }

  providerOf(id: string): ProviderTier {
    return this.providers.get(id) ?? this.#addProvider(id);
  }

  /** @throws RangeError for a provider that is neither listed nor covered by `defaultProvider` */
  capacityOf(id: string): number {
    const capacity = this.#isListed(id) ? this.#options.providers[id] : this.#options.defaultProvider;
    if (capacity !== undefined) return capacity;
    const known = Object.keys(this.#options.providers).join(', ');
    throw new RangeError(`provider must be one of ${known}, got ${JSON.stringify(id)}`);
  }

  /** Drops what a call that did not stay has brought into being, and what the last one leaves behind. */
  letGo({ session, provider }: Flow): void {
    this.#fair.retire(session);
    const isCut = provider.limit < provider.capacity;
    if (provider.held > 0 || provider.waiting > 0 || isCut || this.#isListed(provider.id)) return;
    // A resized tier stays: its size is nowhere else.
    const isCurrent = this.providers.get(provider.id) === provider;
    if (isCurrent && provider.capacity === this.#options.defaultProvider) this.providers.delete(provider.id);
  }

  readProvider(id: string): TierReading {
    const capacity = this.capacityOf(id);
    return this.providers.get(id) ?? { capacity, limit: capacity, held: 0, waiting: 0 };
  }

  /** One session, or the sum of all. */
  readSessions(id: string | undefined): TierReading {
    const limit = this.sessionCapacity;
    const one = id === undefined ? undefined : this.#fair.sessions.get(id);
    if (one !== undefined) return one;
    const sum = { capacity: limit, limit, held: 0, waiting: 0 };
    if (id !== undefined) return sum;
    for (const { held, waiting } of this.#fair.sessions.values()) {
      sum.held += held;
      sum.waiting += waiting;
    }
    return sum;
  }

  #sessionOf(id: string): SessionTier {
    return this.#fair.sessions.get(id) ?? this.#addSession(id);
  }

  #addProvider(id: string): ProviderTier {
    const counters = obtain(this.providerCounters, providerName(id), createCounters);
    const provider = new ProviderTier(id, this.capacityOf(id), counters);
    provider.adaptive = toAdaptive(this.#options.adaptive);
    this.providers.set(id, provider);
    this.onTier?.(provider);
    return provider;
  }

  #addSession(id: string): SessionTier {
    const session = new SessionTier(id, this.sessionCapacity, this.sessionCounters);
    this.#fair.sessions.set(id, session);
    this.onTier?.(session);
    return session;
  }

  /** Own keys only, or a provider named "constructor" would have a capacity. */
  #isListed(id: string): boolean {
    return Object.hasOwn(this.#options.providers, id);
  }
}
