/** Deletions after which the entries move to a new map, unless more entries are left than that. */
const RENEW_AFTER = 100;

/**
 * A map whose entries come and go fast, many of them at any time.
 *
 * V8 lets the outgrown table of a `Map` point to the next one and keeps the entries it had in it. Once one such table is old, every
 * later table survives until the next full collection, and with it all that was ever in the map while it grew: under steady load
 * most of what a call allocates. A new map cuts that chain. One that iterates meanwhile goes on over what there was before.
 */
export class ChurnMap<K, V> {
  #map = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): this {
    this.#map.set(key, value);
    return this;
  }

  /** False when there was no such entry. */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    this.#deleted += 1;
    if (this.#deleted >= Math.max(RENEW_AFTER, this.#map.size)) {
      this.#map = new Map(this.#map);
      this.#deleted = 0;
    }
    return true;
  }

  keys(): IterableIterator<K> {
    return this.#map.keys();
  }

  /** In the order they were added. */
  values(): IterableIterator<V> {
    return this.#map.values();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#map[Symbol.iterator]();
  }
}
