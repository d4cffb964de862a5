import type { ObservableTier, ObservableTiers } from '../src/index.ts';

const BOUNDS_MS = [1, 5, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000];

type Listener = (payload: never) => void;

/** Listeners by event name, as every component has them. */
export class FakeEvents {
  readonly #listeners = new Map<string, Set<Listener>>();

  on(event: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit(event: string, payload: object): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(payload as never);
  }

  get names(): readonly string[] {
    return [...this.#listeners].filter(([, listeners]) => listeners.size > 0).map(([name]) => name);
  }
}

type Writable = { -readonly [K in keyof ObservableTier]: ObservableTier[K] };

export function tier(type: ObservableTier['type'], provider: string, capacity: number): Writable {
  return {
    type,
    provider,
    capacity,
    limit: capacity,
    held: 0,
    waiting: 0,
    leaked: 0,
    oldestHoldMs: 0,
    granted: 0,
    released: 0,
    lateReleases: 0,
    leaksDetected: 0,
    recovered: 0,
    rejected: Object.fromEntries(
      ['TIMEOUT', 'DEADLINE_EXCEEDED', 'ABORTED', 'OVER_CAPACITY', 'SHED', 'CLOSED', 'DEADLOCK', 'LOST'].map((code) => [
        code,
        0,
      ]),
    ),
    recoveries: { success: 0, partial: 0, failed: 0 },
    wait: { boundsMs: BOUNDS_MS, counts: Array.from({ length: BOUNDS_MS.length + 1 }, () => 0), sumMs: 0, count: 0 },
  };
}

/** A semaphore whose counts a test writes. */
export class FakeSemaphore extends FakeEvents {
  readonly global: Writable = tier('global', 'none', 5);
  readonly session: Writable = tier('session', 'none', 2);
  readonly providers: Record<string, Writable> = { glm: tier('provider', 'glm', 2), kimi: tier('provider', 'kimi', 3) };
  reads = 0;

  stats(): ObservableTiers {
    this.reads += 1;
    return structuredClone({ global: this.global, providers: this.providers, session: this.session });
  }
}
