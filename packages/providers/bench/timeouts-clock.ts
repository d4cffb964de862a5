import type { Clock } from '../src/timeouts/index.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Time that moves only when told; timers run on the way, in order. */
export class VirtualClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];
  #nextAt = Number.POSITIVE_INFINITY;
  #input: (() => void)[] = [];

  readonly now = (): number => this.#now;
  readonly epoch = (): number => this.#now;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    this.#nextAt = Math.min(this.#nextAt, timer.at);
    return () => {
      this.#remove(timer);
    };
  };

  readonly afterInput = (run: () => void): void => {
    this.#input.push(run);
  };

  /** Moves to a time, running what is due on the way. */
  moveTo(at: number): void {
    while (this.#nextAt <= at) {
      const timer = this.#first();
      if (timer === undefined) break;
      this.#remove(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
      this.#deliver();
    }
    this.#now = Math.max(this.#now, at);
  }

  /** Moves to a time at once, as after a block: timers that were due run late, and `input` is what waited in the socket. */
  jumpTo(at: number, input: () => void): void {
    this.#now = Math.max(this.#now, at);
    const due = this.#timers.filter((timer) => timer.at <= at).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#remove(timer)) timer.run();
    input();
    this.#deliver();
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length;
  }

  #first(): Timer | undefined {
    return this.#timers.find((timer) => timer.at === this.#nextAt);
  }

  #remove(timer: Timer): boolean {
    const at = this.#timers.indexOf(timer);
    if (at < 0) return false;
    this.#timers.splice(at, 1);
    this.#nextAt = this.#timers.reduce((next, other) => Math.min(next, other.at), Number.POSITIVE_INFINITY);
    return true;
  }

  #deliver(): void {
    while (this.#input.length > 0) for (const run of this.#input.splice(0)) run();
  }
}
