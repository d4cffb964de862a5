import type { Engine } from '@exai/workflow';

import type { ServerConfig } from '../config/server-config.ts';
import { MAX_DEADLINE_MS } from '../protocol/index.ts';

const PRUNES_PER_LIFE = 4;
const MAX_INTERVAL_MS = 3_600_000;

/** Deletes journals that are older than they are kept for. Those in memory live as long as results are kept, those on disk for days. */
export class JournalPruner {
  readonly #engine: Engine;
  readonly #keptMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(engine: Engine, { store, resultTtlMs, pruneAfterMs }: ServerConfig) {
    this.#engine = engine;
    this.#keptMs = store === 'memory' ? resultTtlMs : pruneAfterMs;
  }

  /** Prunes again and again. A store that fails shows at its next write; what could not be pruned is pruned next time. */
  start(): void {
    const intervalMs = Math.min(MAX_INTERVAL_MS, this.#keptMs / PRUNES_PER_LIFE);
    this.#timer = setInterval(() => void this.prune().catch(() => undefined), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Prunes now. */
  async prune(): Promise<void> {
    await this.#engine.prune({ olderThanMs: this.#keptMs });
    // A run may be silent until its deadline.
    await this.#engine.prune({ olderThanMs: this.#keptMs + MAX_DEADLINE_MS, unfinished: true });
  }
}
