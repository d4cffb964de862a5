import { ChurnMap } from '../calls/churn-map.ts';

import type { RunPace } from './run-pace.ts';

/** What a lane must know of who waits. */
export interface LaneEntry {
  readonly ask: { readonly session: string; readonly tool: string };
  readonly since: number;
}

/** The waiting runs of one session, in order. */
interface Queue<E> {
  readonly entries: E[];
  readonly countOf: Map<string, number>;
}

/** The runs of one provider: places, who has one, and who waits for one in which order. */
export class Lane<E extends LaneEntry> {
  readonly limit: number;
  readonly pace: RunPace;
  readonly #queues = new ChurnMap<string, Queue<E>>();
  /** Start-time fairness: the session with the smallest tag goes next. */
  readonly #tags = new ChurnMap<string, number>();
  #now = 0;

  constructor(limit: number, pace: RunPace) {
    this.limit = limit;
    this.pace = pace;
  }

  /** Entries of its maps, for a test that nothing is kept. */
  get size(): number {
    return this.pace.sessions + this.#queues.size + this.#tags.size;
  }

  get waiting(): number {
    let sum = 0;
    for (const { entries } of this.#queues.values()) sum += entries.length;
    return sum;
  }

  /** Who waits, session by session. A copy. */
  entries(): readonly E[] {
    return [...this.#queues.values()].flatMap(({ entries }) => entries);
  }

  waitingOf(session: string): number {
    return this.#queues.get(session)?.entries.length ?? 0;
  }

  /** True when this session has nothing running here, or places are free. */
  mayStart(session: string): boolean {
    return this.pace.running < this.limit || this.pace.runningOf(session) === 0;
  }

  /** A run takes a place; the returned function gives it back, once. */
  begin(session: string, tool: string): (completed: boolean) => void {
    this.#now = this.#tagOf(session);
    this.#tags.set(session, this.#now + 1);
    const end = this.pace.begin(session, tool);
    return (completed) => {
      end(completed);
      this.forget(session);
    };
  }

  add(entry: E): void {
    const { session, tool } = entry.ask;
    const queue = this.#queues.get(session) ?? { entries: [], countOf: new Map<string, number>() };
    if (queue.entries.length === 0) this.#queues.set(session, queue);
    queue.entries.push(entry);
    queue.countOf.set(tool, (queue.countOf.get(tool) ?? 0) + 1);
  }

  /** False when it was not there any more. */
  remove(entry: E): boolean {
    const { session, tool } = entry.ask;
    const queue = this.#queues.get(session);
    const index = queue?.entries.indexOf(entry) ?? -1;
    if (queue === undefined || index < 0) return false;
    queue.entries.splice(index, 1);
    queue.countOf.set(tool, (queue.countOf.get(tool) ?? 1) - 1);
    if (queue.entries.length === 0) this.#queues.delete(session);
    return true;
  }

  /** Forgets the turn of a session that has nothing here any more. */
  forget(session: string): void {
    if (this.pace.runningOf(session) === 0 && !this.#queues.has(session)) this.#tags.delete(session);
  }

  /** Who goes next: of a session with nothing running, else of the session with the smallest tag while places are free. */
  next(): E | undefined {
    let best: E | undefined;
    let bestTag = Number.POSITIVE_INFINITY;
    for (const [session, { entries }] of this.#queues) {
      const head = entries[0];
      if (head === undefined || !this.mayStart(session)) continue;
      const tag = this.#tagOf(session);
      if (tag < bestTag || (tag === bestTag && best !== undefined && head.since < best.since)) {
        best = head;
        bestTag = tag;
      }
    }
    return best;
  }

  /** The work that comes before the session's next place: its own, and of every other session the runs whose turn comes first. */
  workBefore(session: string): { own: number; others: number } {
    const turn = this.#tagOf(session) + this.waitingOf(session);
    let [own, others] = [0, 0];
    for (const [other, queue] of this.#queues) {
      const work = this.#workOf(queue);
      if (other === session) {
        own = work;
        continue;
      }
      const runs = Math.floor(turn - this.#tagOf(other)) + 1;
      others += work * Math.min(1, Math.max(0, runs) / queue.entries.length);
    }
    return { own, others };
  }

  #workOf({ countOf }: Queue<E>): number {
    let sum = 0;
    for (const [tool, count] of countOf) sum += count * this.pace.workOf(tool);
    return sum;
  }

  #tagOf(session: string): number {
    return Math.max(this.#now, this.#tags.get(session) ?? 0);
  }
}
