import type { Clock } from './clock.ts';

/** Calls back at a fixed interval while there is a reason to. Does not hold the process open. */
export class HealthCheck {
  private readonly clock: Clock;
  private readonly everyMs: number;
  /** Returns whether to go on. */
  private readonly check: () => boolean;
  private cancel: (() => void) | undefined = undefined;

  constructor(clock: Clock, everyMs: number, check: () => boolean) {
    this.clock = clock;
    this.everyMs = everyMs;
    this.check = check;
  }

  start(): void {
    if (this.cancel !== undefined || this.everyMs === Infinity) return;
    this.cancel = this.clock.startTimer(() => this.fire(), this.everyMs, false);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private fire(): void {
    this.cancel = undefined;
    if (this.check()) this.start();
  }
}
