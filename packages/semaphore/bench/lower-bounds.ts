/** The least a semaphore can be: a counter and a ring of resolvers. No permit, so a release can be repeated. */
export class Ring {
  private free: number;
  private slots: ((() => void) | undefined)[] = Array.from({ length: 1024 });
  private head = 0;
  private size = 0;

  constructor(capacity: number) {
    this.free = capacity;
  }

  acquire(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.push(resolve));
  }

  release(): void {
    if (this.size === 0) {
      this.free += 1;
      return;
    }
    const resolve = this.slots[this.head];
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.size -= 1;
    resolve?.();
  }

  private push(resolve: () => void): void {
    if (this.size === this.slots.length) this.grow();
    this.slots[(this.head + this.size) & (this.slots.length - 1)] = resolve;
    this.size += 1;
  }

  private grow(): void {
    const { slots, head } = this;
    const ordered = [...slots.slice(head), ...slots.slice(0, head)];
    this.slots = [...ordered, ...Array.from({ length: ordered.length }, () => undefined)];
    this.head = 0;
  }
}

interface Node {
  readonly resolve: (permit: ListPermit) => void;
  next: Node | undefined;
}

/** The least a semaphore with one-shot permits can be: a counter, a linked list and an object per grant. */
export class List {
  private free: number;
  private head: Node | undefined = undefined;
  private tail: Node | undefined = undefined;

  constructor(capacity: number) {
    this.free = capacity;
  }

  acquire(): Promise<ListPermit> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve(new ListPermit(this));
    }
    return new Promise((resolve) => {
      const node: Node = { resolve, next: undefined };
      if (this.tail === undefined) this.head = node;
      else this.tail.next = node;
      this.tail = node;
    });
  }

  back(): void {
    const { head } = this;
    if (head === undefined) {
      this.free += 1;
      return;
    }
    this.head = head.next;
    if (this.head === undefined) this.tail = undefined;
    head.resolve(new ListPermit(this));
  }
}

export class ListPermit {
  private isOpen = true;
  private readonly list: List;

  constructor(list: List) {
    this.list = list;
  }

  release(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.list.back();
  }
}
