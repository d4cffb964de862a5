/** What a {@link Heap} keeps in its members: the order, and the place for removal in O(log n). */
export interface HeapNode {
  key: number;
  /** Decides between equal keys, smaller first. */
  order: number;
  /** Index in the heap, −1 outside. */
  slot: number;
}

/** A binary heap, smallest `(key, order)` first, whose members know their place. */
export class Heap<N extends HeapNode> {
  readonly #nodes: N[] = [];

  get size(): number {
    return this.#nodes.length;
  }

  peek(): N | undefined {
    return this.#nodes[0];
  }

  push(node: N): void {
    node.slot = this.#nodes.length;
    this.#nodes.push(node);
    this.#siftUp(node, node.slot);
  }

  /** Puts a member back in order after its key changed. */
  update(node: N): void {
    this.#siftDown(node, this.#siftUp(node, node.slot));
  }

  remove(node: N): void {
    const { slot } = node;
    const last = this.#nodes.pop();
    node.slot = -1;
    if (last === undefined || last === node) return;
    this.#nodes[slot] = last;
    last.slot = slot;
    this.update(last);
  }

  /** The members in no particular order. */
  values(): Iterable<N> {
    return this.#nodes;
  }

  #siftUp(node: N, from: number): number {
    const nodes = this.#nodes;
    let slot = from;
    while (slot > 0) {
      const up = (slot - 1) >> 1;
      const parent = nodes[up];
      if (parent === undefined || !isBefore(node, parent)) break;
      nodes[slot] = parent;
      parent.slot = slot;
      slot = up;
    }
    nodes[slot] = node;
    node.slot = slot;
    return slot;
  }

  #siftDown(node: N, from: number): void {
    const nodes = this.#nodes;
    let slot = from;
    for (let down = 2 * slot + 1; down < nodes.length; down = 2 * slot + 1) {
      let child = nodes[down];
      const right = nodes[down + 1];
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        child = right;
        down += 1;
      }
      if (child === undefined || !isBefore(child, node)) break;
      nodes[slot] = child;
      child.slot = slot;
      slot = down;
    }
    nodes[slot] = node;
    node.slot = slot;
  }
}

/** Whether the first node comes out before the second. */
export function isBefore(a: HeapNode, b: HeapNode): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order);
}
