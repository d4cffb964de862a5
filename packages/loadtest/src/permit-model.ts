import type { Clock } from './clock.ts';

/** Capacities of the three tiers. */
export interface PermitLimits {
  global: number;
  session: number;
  providers: Readonly<Record<string, number>>;
}

/** One pool of permits. */
export interface Tier {
  capacity: number;
  held: number;
  /** Permits that no live call holds and nothing will give back. */
  leaked: number;
  /** Permits given back once too often: the fault that lets a limit of 5 run 6. */
  doubled: number;
}

/** One call that asks the model for its permits. */
export interface PermitAsk {
  session: string;
  provider: string;
  grant: (waitedMs: number) => void;
}

/**
 * Three tiers taken together or not at all, fair between sessions: round robin, first in first out within a session.
 * Faults can be put in on purpose. What the stub server and the virtual driver are made of.
 */
export class PermitModel {
  readonly global: Tier;
  readonly providers = new Map<string, Tier>();
  readonly #sessionCapacity: number;
  readonly #sessions = new Map<string, Tier>();
  readonly #queues = new Map<string, { ask: PermitAsk; since: number }[]>();
  readonly #clock: Clock;
  /** Permits that will be lost when their holders end, by provider. */
  readonly #leaking = new Map<string, number>();
  /** Most permits held at once. */
  peak = 0;
  leaksDetected = 0;
  recoveries = 0;

  constructor(limits: PermitLimits, clock: Clock) {
    this.global = tier(limits.global);
    this.#sessionCapacity = limits.session;
    this.#clock = clock;
    for (const [name, capacity] of Object.entries(limits.providers)) this.providers.set(name, tier(capacity));
  }

  get waiting(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.length;
    return sum;
  }

  waitingOf(session: string): number {
    return this.#queues.get(session)?.length ?? 0;
  }

  /** Grants at once or queues; returns what withdraws the ask while it waits. */
  ask(ask: PermitAsk): () => void {
    const entry = { ask, since: this.#clock.now() };
    const queue = this.#queues.get(ask.session) ?? [];
    queue.push(entry);
    this.#queues.set(ask.session, queue);
    this.#pump();
    return () => {
      const index = queue.indexOf(entry);
      if (index >= 0) queue.splice(index, 1);
    };
  }

  /** Gives a permit back. */
  release(session: string, provider: string): void {
    for (const one of this.#tiers(session, provider)) one.held -= 1;
    const leaking = this.#leaking.get(provider) ?? 0;
    const pool = this.providers.get(provider);
    if (leaking > 0 && pool) {
      this.#leaking.set(provider, leaking - 1);
      this.#lose(pool);
    }
    this.#pump();
  }

  /** Loses `count` permits of a provider: free ones at once, held ones when their holder would have given them back. */
  leak(provider: string, count: number): void {
    const one = this.providers.get(provider);
    if (!one) return;
    for (let left = count; left > 0; left -= 1) {
      if (hasRoom(this.global) && hasRoom(one)) this.#lose(one);
      else this.#leaking.set(provider, (this.#leaking.get(provider) ?? 0) + 1);
    }
  }

  /** Gives a permit back that nobody holds. */
  doubleRelease(provider: string): void {
    for (const one of [this.global, this.providers.get(provider)]) if (one) one.doubled += 1;
    this.#pump();
  }

  /** Finds what leaked and takes it back. */
  recover(): number {
    const found = this.global.leaked;
    for (const one of [this.global, ...this.providers.values()]) one.leaked = 0;
    if (found === 0) return 0;
    this.leaksDetected += found;
    this.recoveries += 1;
    this.#pump();
    return found;
  }

  /** The global tier, the providers', and the sum over the sessions. */
  tiers(): (Tier & { type: 'global' | 'provider' | 'session'; provider: string })[] {
    const sessions = [...this.#sessions.values()];
    return [
      { type: 'global', provider: 'none', ...this.global },
      ...[...this.providers].map(([provider, one]) => ({ type: 'provider' as const, provider, ...one })),
      {
        type: 'session',
        provider: 'none',
        ...tier(sessions.length * this.#sessionCapacity),
        held: sessions.reduce((sum, { held }) => sum + held, 0),
      },
    ];
  }

  /** Forgets a session that has ended; its permits must have been given back. */
  endSession(session: string): void {
    this.#queues.delete(session);
    this.#sessions.delete(session);
  }

  #tiers(session: string, provider: string): Tier[] {
    const own = this.#sessions.get(session) ?? tier(this.#sessionCapacity);
    this.#sessions.set(session, own);
    const named = this.providers.get(provider) ?? tier(this.global.capacity);
    this.providers.set(provider, named);
    return [this.global, named, own];
  }

  #lose(pool: Tier): void {
    this.global.leaked += 1;
    pool.leaked += 1;
  }

  #pump(): void {
    for (let granted = true; granted;) {
      granted = false;
      for (const [session, queue] of this.#queues) {
        const entry = this.#takeFirst(session, queue);
        if (!entry) {
          if (queue.length === 0) this.#queues.delete(session);
          continue;
        }
        // To the end of the round.
        this.#queues.delete(session);
        if (queue.length > 0) this.#queues.set(session, queue);
        for (const one of this.#tiers(session, entry.ask.provider)) one.held += 1;
        this.peak = Math.max(this.peak, this.global.held);
        const waitedMs = this.#clock.now() - entry.since;
        entry.ask.grant(waitedMs);
        granted = true;
        break;
      }
    }
  }

  /** The first ask of each provider may go when its three tiers have room. */
  #takeFirst(session: string, queue: { ask: PermitAsk; since: number }[]): (typeof queue)[number] | undefined {
    const blocked = new Set<string>();
    for (const [index, entry] of queue.entries()) {
      const { provider } = entry.ask;
      if (blocked.has(provider)) continue;
      if (this.#tiers(session, provider).every(hasRoom)) {
        queue.splice(index, 1);
        return entry;
      }
      blocked.add(provider);
    }
    return undefined;
  }
}

function tier(capacity: number): Tier {
  return { capacity, held: 0, leaked: 0, doubled: 0 };
}

function hasRoom({ capacity, held, leaked, doubled }: Tier): boolean {
  return held + leaked - doubled < capacity;
}
