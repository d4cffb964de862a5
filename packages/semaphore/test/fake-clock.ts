import type { Clock } from '../src/index.ts';

interface FakeTimer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that stands still until told to move; timers fire in order, each at its own time. */
export class FakeClock implements Clock {
  time = 0;
  readonly epoch = 1_700_000_000_000;
  /** Of every timer started so far, whether it keeps the process alive. */
  readonly kept: boolean[] = [];
  private readonly timers = new Set<FakeTimer>();

  get pending(): number {
    return this.timers.size;
  }

  now(): number {
    return this.epoch + this.time;
  }

  monotonic(): number {
    return this.time;
  }

  startTimer(callback: () => void, delayMs: number, keepAlive: boolean): () => void {
    this.kept.push(keepAlive);
    const timer = { at: this.time + delayMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Moves on, firing what is due on the way; microtasks run after each timer. */
  async advance(ms: number): Promise<void> {
    await settled();
    const end = this.time + ms;
    for (let next = this.first(end); next !== undefined; next = this.first(end)) {
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.callback();
      await settled();
    }
    this.time = end;
    await settled();
  }

  /** The loop is blocked: time passes, then every timer that is due fires at once. */
  async stall(ms: number): Promise<void> {
    this.time += ms;
    await this.advance(0);
  }

  private first(end: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.timers) if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    return first;
  }
}

/** Lets every microtask that is under way finish. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** Passes a number of microtasks. */
export async function microtasks(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

/** What a promise has come to, without waiting for it. */
export function watch<T>(promise: Promise<T>): { state: 'pending' | 'resolved' | 'rejected'; value?: T; error?: any } {
  const watched: { state: 'pending' | 'resolved' | 'rejected'; value?: T; error?: any } = { state: 'pending' };
  promise.then(
    (value) => {
      watched.state = 'resolved';
      watched.value = value;
    },
    (error: unknown) => {
      watched.state = 'rejected';
      watched.error = error;
    },
  );
  return watched;
}
