import type { Engine } from '@exai/workflow';

import type { CallService } from '../calls/call-service.ts';

import { adoptRun } from './resume-runs.ts';

/** What {@link TakeOver} works with; milliseconds. */
export interface TakeOverParts {
  readonly engine: Engine;
  readonly service: CallService;
  /** Ids of runs whose process is gone. */
  readonly expiredRuns: (limit: number) => Promise<readonly string[]>;
  /** Deadline of a run whose journal names none. */
  readonly deadlineMs: number;
}

const EVERY_MS = 1_000;
/** Servers that share a store must not look at the same moment. */
const SPREAD_MS = 500;
/** Runs taken over by one look; what is left is for the next one, or for another server. */
const MAX_RUNS = 20;

/**
 * Goes on with the runs of servers that are gone, as long as this one lives: they are admitted under the same limits as everyone's,
 * and whoever sends the call again joins them. A look that fails shows in the readiness of the store; the next one tries again.
 */
export class TakeOver {
  readonly #parts: TakeOverParts;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: TakeOverParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#look()
          .catch(() => undefined)
          .then(() => this.start());
      },
      EVERY_MS + Math.random() * SPREAD_MS,
    );
    this.#timer.unref();
  }

  /** Resolves when the look under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { engine, service, deadlineMs, expiredRuns } = this.#parts;
    for (const runId of await expiredRuns(MAX_RUNS)) {
      const run = await engine.get(runId);
      if (run !== undefined && run.run === undefined && !this.#stopped)
        await adoptRun(run, { engine, service, deadlineMs });
    }
  }
}
