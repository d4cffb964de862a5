import type { Cancel, Clock } from './clock.ts';

interface Entry {
  time: number;
  order: number;
  work: (() => void) | undefined;
}

/** Turns of the event loop without a timer after which a run is taken to hang. */
const IDLE_TURNS = 1000;
/** Timers run back to back when nothing between them awaits. */
const SYNCHRONOUS_BATCH = 4096;
/** Time-outs of calls that ended long before are not kept until their time comes. */
const MOST_CANCELLED = 1024;

/**
 * Simulated time: timers fire in order of their time, then of their creation, and the clock jumps from one to the next.
 * A scenario of ten minutes takes milliseconds, and the same seed gives the same run.
 */
export class VirtualClock implements Clock {
  readonly virtual = true;
  #now = 0;
  #order = 0;
  #heap: Entry[] = [];
  /** Cancelled timers that are still in the heap. */
  #cancelled = 0;
  readonly #synchronous: boolean;

  #isBatchOver = false;

  /** `synchronous`: promises settle between batches of timers and where {@link settle} asks for it; for drivers that use callbacks alone. */
  constructor(options: { synchronous?: boolean } = {}) {
    this.#synchronous = options.synchronous ?? false;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#now;
  }

  at(time: number, work: () => void): Cancel {
    const entry: Entry = { time: Math.max(time, this.#now), order: (this.#order += 1), work };
    this.#push(entry);
    return () => {
      if (entry.work === undefined) return;
      entry.work = undefined;
      this.#cancelled += 1;
      if (this.#cancelled > MOST_CANCELLED && this.#cancelled * 2 > this.#heap.length) this.#forgetCancelled();
    };
  }

  settle(): void {
    this.#isBatchOver = true;
  }

  /** Advances until `work` settles. @throws Error when nothing is left that could settle it. */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { settled: false };
    const settle = (): void => {
      state.settled = true;
    };
    work.then(settle, settle);
    for (let idle = 0; ;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (state.settled) return work;
      idle = this.#advance() ? 0 : idle + 1;
      if (idle > IDLE_TURNS) throw new Error('the virtual clock has no timer left, and the work has not ended');
    }
  }

  #advance(): boolean {
    this.#isBatchOver = false;
    for (let left = this.#synchronous ? SYNCHRONOUS_BATCH : 1; left > 0 && !this.#isBatchOver;) {
      const entry = this.#pop();
      if (entry === undefined) return left < SYNCHRONOUS_BATCH && this.#synchronous;
      const { work } = entry;
      if (work === undefined) {
        this.#cancelled -= 1;
        continue;
      }
      entry.work = undefined;
      this.#now = entry.time;
      work();
      left -= 1;
    }
    return true;
  }

  /** A sorted array is a heap; half of the entries go, so the cost per timer stays constant. */
  #forgetCancelled(): void {
    this.#heap = this.#heap.filter(({ work }) => work !== undefined).sort((a, b) => (before(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let child = heap.push(entry) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || before(above, entry)) break;
      heap[child] = above;
      child = parent;
    }
    heap[child] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || last === top) return top;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, left)) child += 1;
      const smaller = heap[child];
      if (smaller === undefined || before(last, smaller)) break;
      heap[parent] = smaller;
      parent = child;
    }
    heap[parent] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
