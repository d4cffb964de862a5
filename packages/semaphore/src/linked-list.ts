/** Links of a member of a {@link LinkedList}. */
export interface Linked<N> {
  prev: N | undefined;
  next: N | undefined;
}

/** A list through its members' own links, so that any of them leaves in O(1) and none costs a node. */
export class LinkedList<N extends Linked<N>> {
  head: N | undefined;
  tail: N | undefined;

  push(node: N): void {
    const { tail } = this;
    node.prev = tail;
    if (tail === undefined) this.head = node;
    else tail.next = node;
    this.tail = node;
  }

  unshift(node: N): void {
    const { head } = this;
    node.next = head;
    if (head === undefined) this.tail = node;
    else head.prev = node;
    this.head = node;
  }

  remove(node: N): void {
    const { prev, next } = node;
    if (prev === undefined) this.head = next;
    else prev.next = next;
    if (next === undefined) this.tail = prev;
    else next.prev = prev;
    node.prev = undefined;
    node.next = undefined;
  }

  /** First to last. A member may be removed while it is visited. */
  *[Symbol.iterator](): Generator<N, void, undefined> {
    for (let node = this.head; node !== undefined;) {
      const { next } = node;
      yield node;
      node = next;
    }
  }
}
