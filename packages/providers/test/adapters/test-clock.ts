import { vi } from 'vitest';

import type { Clock } from '@exai/providers/timeouts';

/** Time that stands still until it is moved. */
export class TestClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now = (): number => this.#now;
  epoch = (): number => 1_800_000_000_000 + this.#now;
  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  };
  afterInput = (run: () => void): void => {
    setImmediate(run);
  };

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time on, firing timers in order and letting sockets and promises run in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
    await settle();
  }

  /** Moves time on without firing anything on the way, as after a suspended machine or a blocked event loop. */
  async jump(ms: number): Promise<void> {
    this.#now += ms;
    await this.advance(0);
  }
}

/** Lets pending input and promises run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, in real time, for what a socket brings. */
export async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 15_000, interval: 5 });
}
