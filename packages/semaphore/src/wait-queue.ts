import { LinkedList, type Linked } from './linked-list.ts';

/** What a {@link WaitQueue} keeps in its members. */
export interface QueueNode<N extends QueueNode<N>> extends Linked<N> {
  readonly priority: number;
  band: Band<N> | undefined;
}

/** The waiters of one priority, first come first. */
export class Band<N extends QueueNode<N>> extends LinkedList<N> {
  readonly priority: number;

  constructor(priority: number) {
    super();
    this.priority = priority;
  }
}

/**
 * Waiters by priority, first in first out within one. Linked lists, so that any waiter leaves in O(1): an array's `shift`
 * turns quadratic past 10,000 waiters.
 */
export class WaitQueue<N extends QueueNode<N>> {
  size = 0;
  /** Highest priority first; empty bands are dropped. Priorities are few, so a scan finds a band. */
  readonly #bands: Band<N>[] = [];

  peek(): N | undefined {
    return this.#bands[0]?.head;
  }

  /** The newest waiter of the lowest priority. */
  peekLowest(): N | undefined {
    return this.#bands.at(-1)?.tail;
  }

  /** Everybody, in the order they would be served. */
  toArray(): N[] {
    return this.#bands.flatMap((band) => [...band]);
  }

  /** The first waiter of every priority. */
  heads(): N[] {
    return this.#bands.flatMap(({ head }) => head ?? []);
  }

  push(node: N): void {
    const band = this.#bandFor(node.priority);
    band.push(node);
    node.band = band;
    this.size += 1;
  }

  /** Puts a waiter ahead of all others, whatever their priority. */
  pushFront(node: N): void {
    const band = this.#bands[0] ?? this.#bandFor(node.priority);
    band.unshift(node);
    node.band = band;
    this.size += 1;
  }

  remove(node: N): void {
    const { band } = node;
    if (band === undefined) return;
    band.remove(node);
    node.band = undefined;
    this.size -= 1;
    // The last band stays for the next waiter: most queues have one priority only.
    if (band.head === undefined && this.#bands.length > 1) this.#bands.splice(this.#bands.indexOf(band), 1);
  }

  #bandFor(priority: number): Band<N> {
    // The one band of an empty queue may be of another priority.
    if (this.size === 0 && this.#bands[0]?.priority !== priority) this.#bands.length = 0;
    let place = this.#bands.length;
    for (; place > 0; place -= 1) {
      const band = this.#bands[place - 1];
      if (band === undefined || band.priority > priority) break;
      if (band.priority === priority) return band;
    }
    const band = new Band<N>(priority);
    this.#bands.splice(place, 0, band);
    return band;
  }
}
