/** Links of a member of a {@link WaitQueue}. */
export interface QueueNode<N> {
  readonly priority: number;
  prev: N | undefined;
  next: N | undefined;
  band: Band<N> | undefined;
}

/** The waiters of one priority, first come first. */
export interface Band<N> {
  readonly priority: number;
  head: N | undefined;
  tail: N | undefined;
}

/**
 * Waiters by priority, first in first out within one. Linked lists, so that any waiter leaves in O(1): an array's `shift`
 * turns quadratic past 10,000 waiters.
 */
export class WaitQueue<N extends QueueNode<N>> {
  size = 0;
  /** Highest priority first; empty bands are dropped. Priorities are few, so a scan finds a band. */
  private readonly bands: Band<N>[] = [];

  peek(): N | undefined {
    return this.bands[0]?.head;
  }

  /** The newest waiter of the lowest priority. */
  peekLowest(): N | undefined {
    return this.bands[this.bands.length - 1]?.tail;
  }

  /** Everybody, in the order they would be served. */
  toArray(): N[] {
    const nodes: N[] = [];
    for (const { head } of this.bands) for (let node = head; node !== undefined; node = node.next) nodes.push(node);
    return nodes;
  }

  /** The first waiter of every priority. */
  *heads(): Generator<N> {
    for (const { head } of this.bands) if (head !== undefined) yield head;
  }

  push(node: N): void {
    this.append(this.bandFor(node.priority), node);
  }

  /** Puts a waiter ahead of all others, whatever their priority. */
  pushFront(node: N): void {
    const band = this.bands[0] ?? this.bandFor(node.priority);
    const { head } = band;
    node.band = band;
    node.next = head;
    band.head = node;
    if (head === undefined) band.tail = node;
    else head.prev = node;
    this.size += 1;
  }

  remove(node: N): void {
    const { band, prev, next } = node;
    if (band === undefined) return;
    if (prev === undefined) band.head = next;
    else prev.next = next;
    if (next === undefined) band.tail = prev;
    else next.prev = prev;
    node.prev = undefined;
    node.next = undefined;
    node.band = undefined;
    this.size -= 1;
    // The last band stays for the next waiter: most queues have one priority only.
    if (band.head === undefined && this.bands.length > 1) this.bands.splice(this.bands.indexOf(band), 1);
  }

  private append(band: Band<N>, node: N): void {
    const { tail } = band;
    node.band = band;
    node.prev = tail;
    if (tail === undefined) band.head = node;
    else tail.next = node;
    band.tail = node;
    this.size += 1;
  }

  private bandFor(priority: number): Band<N> {
    const { bands } = this;
    let place = bands.length;
    while (place > 0) {
      const band = bands[place - 1];
      if (band === undefined || band.priority > priority) break;
      if (band.priority === priority) return band;
      place -= 1;
    }
    const band: Band<N> = { priority, head: undefined, tail: undefined };
    if (this.size === 0) bands.length = 0;
    bands.splice(Math.min(place, bands.length), 0, band);
    return band;
  }
}
