/** What a {@link TierView} shows. */
export interface TierReading {
  readonly capacity: number;
  readonly limit: number;
  readonly held: number;
  readonly waiting: number;
}

/** A live, read-only view of one tier, except that it can be resized. */
export class TierView implements TierReading {
  readonly #read: () => TierReading;
  readonly #resize: (capacity: number) => void;

  /** @internal */
  constructor(read: () => TierReading, resize: (capacity: number) => void) {
    this.#read = read;
    this.#resize = resize;
  }

  get capacity(): number {
    return this.#read().capacity;
  }

  /** What may be held now: the capacity, or less under an adaptive limit. */
  get limit(): number {
    return this.#read().limit;
  }

  get held(): number {
    return this.#read().held;
  }

  get available(): number {
    const { limit, held } = this.#read();
    return Math.max(0, limit - held);
  }

  get waiting(): number {
    return this.#read().waiting;
  }

  /** Sets the capacity. Holders keep what they hold. @throws RangeError unless it is a positive integer */
  resize(capacity: number): void {
    this.#resize(capacity);
  }
}
