import type { Simulator } from '@exai/providers/simulator';
import type { TieredSemaphore } from '@exai/semaphore';
import { z } from 'zod';

import type { ServerViews } from '../views/server-views.ts';
import type { WsConnection } from '../ws/ws-connection.ts';

const provider = z.enum(['glm', 'kimi']);
const count = z.int().min(1).max(1000);

/** The next `count` calls, or from now on a `share` of all. */
const simulated = {
  provider: provider.optional(),
  count: count.default(1),
  share: z.number().min(0).max(1).optional(),
};

/** What can be broken on purpose. */
export const FaultAsk = z.discriminatedUnion('kind', [
  /** Takes permits and forgets them: the garbage collector proves that nothing can release them. */
  z.strictObject({ kind: z.literal('leak'), provider: provider.default('glm'), count: count.default(1) }),
  /** Releases permits twice, which must change nothing. */
  z.strictObject({ kind: z.literal('double_release'), provider: provider.default('glm'), count: count.default(1) }),
  /** Simulated calls fall silent, are answered with an error, or lose their connection. */
  z.strictObject({ kind: z.literal('hang'), ...simulated }),
  z.strictObject({ kind: z.literal('error'), ...simulated }),
  z.strictObject({ kind: z.literal('cut'), ...simulated }),
  /** Multiplies every simulated service time. */
  z.strictObject({
    kind: z.literal('slow'),
    provider: provider.optional(),
    factor: z.number().positive().max(1000).default(2),
    count: z.unknown().optional(),
  }),
  /** Cuts WebSocket connections without a closing handshake; their sessions stay. */
  z.strictObject({ kind: z.literal('drop_connection'), provider: z.unknown().optional(), count: count.default(1) }),
  /** Ends all simulated faults. */
  z.strictObject({ kind: z.literal('clear') }),
]);
/** One {@link FaultAsk}. */
export type FaultAsk = z.output<typeof FaultAsk>;

/** What faults are done to. */
export interface FaultSwitchParts {
  readonly semaphore: TieredSemaphore;
  readonly simulator: Simulator | undefined;
  readonly connections: () => Iterable<WsConnection>;
  readonly views: ServerViews;
}

const RATE_OF = { hang: 'hangShare', error: 'errorShare', cut: 'cutShare' } as const;
const SHAPE_OF = { hang: 'silence-after-headers', error: 'html-500', cut: 'cut-mid-text' } as const;

/** The proof needs a garbage collection; in a test nobody wants to wait for the next one. */
const COLLECT_MS = 250;
/** Longest wait for a permit that is to be broken. */
const ACQUIRE_MS = 60_000;

/** Breaks the server on purpose, in ways that really happen; it never edits a number. */
export class FaultSwitch {
  readonly #parts: FaultSwitchParts;
  #sessions = 0;

  constructor(parts: FaultSwitchParts) {
    this.#parts = parts;
  }

  /** Does it, and says what was done. Rejects when a permit cannot be had. */
  async apply(ask: FaultAsk): Promise<string> {
    const done = await this.#do(ask);
    this.#parts.views.notebook.note('fault', done);
    return done;
  }

  async #do(ask: FaultAsk): Promise<string> {
    const { simulator } = this.#parts;
    if (ask.kind === 'leak') {
      for (let n = 0; n < ask.count; n += 1) await this.#drop(ask.provider);
      setTimeout(() => void this.#parts.semaphore.recover({ collect: true }), COLLECT_MS).unref();
      return `${ask.count} permits of ${ask.provider} were dropped without a release`;
    }
    if (ask.kind === 'double_release') {
      for (let n = 0; n < ask.count; n += 1) await this.#releaseTwice(ask.provider);
      return `${ask.count} permits of ${ask.provider} were released twice`;
    }
    if (ask.kind === 'drop_connection') return `${this.#cut(ask.count)} connections were cut`;
    if (ask.kind === 'clear') {
      simulator?.faults.clear();
      return 'the simulated providers have no faults';
    }
    if (ask.kind === 'slow') {
      simulator?.faults.set({ slowdown: ask.factor }, ask.provider);
      return `simulated calls take ${ask.factor} times as long`;
    }
    if (ask.share !== undefined) {
      simulator?.faults.set({ [RATE_OF[ask.kind]]: ask.share }, ask.provider);
      return `${ask.kind} for a share of ${ask.share} of the simulated calls`;
    }
    const providers = ask.provider === undefined ? (['glm', 'kimi'] as const) : [ask.provider];
    for (const id of providers) simulator?.script(id, SHAPE_OF[ask.kind], { times: ask.count });
    return `${ask.kind} for the next ${ask.count} simulated calls of ${providers.join(' and ')}`;
  }

  async #drop(provider: string): Promise<void> {
    await this.#parts.semaphore.acquire(this.#ask(provider));
  }

  async #releaseTwice(provider: string): Promise<void> {
    const permit = await this.#parts.semaphore.acquire(this.#ask(provider));
    permit.release();
    permit.release();
  }

  #ask(provider: string): { provider: string; session: string; timeoutMs: number; label: string } {
    this.#sessions += 1;
    return { provider, session: `fault-${this.#sessions}`, timeoutMs: ACQUIRE_MS, label: 'fault' };
  }

  #cut(count: number): number {
    let cut = 0;
    for (const connection of this.#parts.connections()) {
      if (cut >= count) break;
      connection.terminate();
      cut += 1;
    }
    return cut;
  }
}
