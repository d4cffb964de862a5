/**
 * The last samples of one silence, some of them cut short, and the quantiles of the whole.
 *
 * A sample that was cut short (right-censored) says "at least this long". The Kaplan–Meier estimate uses both kinds; calls
 * that truly hang make it level off below 1, so a quantile is taken of the part that ends (`q × plateau`), not of everything.
 * Source: Kaplan and Meier 1958; Maller and Zhou 1996 for the cured fraction.
 */
export class SurvivalWindow {
  /** Slots in order of arrival, reused as a ring; a negative length was cut short. */
  #ring: Float32Array = new Float32Array(0);
  /** The slots by length; at equal length the complete ones first. */
  #sorted: Uint16Array = new Uint16Array(0);
  #size = 0;
  #next = 0;
  #events = 0;
  readonly #capacity: number;
  readonly #cache = new Map<number, number>();
  #plateau: number | undefined;

  /** @param capacity Samples kept; older ones fall out. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Samples held. */
  get size(): number {
    return this.#size;
  }

  /** Samples held that were not cut short. */
  get events(): number {
    return this.#events;
  }

  /** Share of calls that end on their own, as estimated: 1 − hangs. 0 without a complete sample. */
  get plateau(): number {
    this.#plateau ??= this.#ending();
    return this.#plateau;
  }

  /** Bytes of sample storage, for the memory budget. */
  get bytes(): number {
    return this.#ring.byteLength + this.#sorted.byteLength;
  }

  /** Adds a silence of `ms`; `censored` when it was cut short. */
  add(ms: number, censored: boolean): void {
    this.#grow();
    const slot = this.#next;
    if (this.#size === this.#capacity) this.#remove(slot);
    // A positive length leaves the sign free to mark what was cut short.
    this.#ring[slot] = Math.max(ms, MIN_MS) * (censored ? -1 : 1);
    this.#insert(slot);
    this.#next = (slot + 1) % this.#capacity;
    this.#cache.clear();
    this.#plateau = undefined;
  }

  /** Smallest length below which a share `q` of the calls that end on their own stay; `undefined` without a complete sample. */
  quantile(q: number): number | undefined {
    if (this.#events === 0) return undefined;
    const known = this.#cache.get(q);
    if (known !== undefined) return known;
    const found = this.#walk(q * this.plateau).ms;
    this.#cache.set(q, found);
    return found;
  }

  /** The samples, oldest first; negative means cut short. */
  values(): number[] {
    const start = this.#size === this.#capacity ? this.#next : 0;
    return Array.from({ length: this.#size }, (_, i) => this.#ring[(start + i) % this.#capacity] ?? 0);
  }

  #grow(): void {
    if (this.#size < this.#ring.length || this.#ring.length === this.#capacity) return;
    const length = Math.min(this.#capacity, Math.max(FIRST_LENGTH, this.#ring.length * 2));
    const ring = new Float32Array(length);
    ring.set(this.#ring);
    this.#ring = ring;
    const sorted = new Uint16Array(length);
    sorted.set(this.#sorted);
    this.#sorted = sorted;
  }

  #insert(slot: number): void {
    const at = this.#position(slot);
    this.#sorted.copyWithin(at + 1, at, this.#size);
    this.#sorted[at] = slot;
    this.#size += 1;
    if (this.#at(slot) > 0) this.#events += 1;
  }

  #remove(slot: number): void {
    const at = this.#position(slot);
    this.#sorted.copyWithin(at, at + 1, this.#size);
    this.#size -= 1;
    if (this.#at(slot) > 0) this.#events -= 1;
  }

  /** First place among the sorted whose slot is not before this one. */
  #position(slot: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBefore(this.#sorted[middle] ?? 0, slot)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = Math.abs(this.#at(a)) - Math.abs(this.#at(b));
    if (difference !== 0) return difference < 0;
    const cutA = this.#at(a) < 0;
    return cutA === this.#at(b) < 0 ? a < b : !cutA;
  }

  #at(slot: number): number {
    return this.#ring[slot] ?? 0;
  }

  /** Share that ends on its own, as far as the samples reach. */
  #ending(): number {
    return this.#walk(Number.POSITIVE_INFINITY).share;
  }

  /**
   * Goes through the samples by length until a share of the calls has ended. Between two samples that were cut short the
   * product of Kaplan and Meier telescopes, so that only runs of complete samples are multiplied.
   */
  #walk(share: number): { readonly ms: number; readonly share: number } {
    let alive = 1;
    let runAt = 0;
    let ms = 0;
    for (let i = 0; i < this.#size; i += 1) {
      const value = this.#nth(i);
      const atRisk = this.#size - runAt;
      if (value > 0) {
        ms = value;
        if (1 - (alive * (this.#size - i - 1)) / atRisk >= share - ROUNDING) return { ms, share };
        continue;
      }
      alive *= (this.#size - i) / atRisk;
      runAt = i + 1;
    }
    if (runAt < this.#size) alive = 0;
    return { ms, share: 1 - alive };
  }

  /** The n-th shortest sample. */
  #nth(n: number): number {
    return this.#at(this.#sorted[n] ?? 0);
  }
}

const FIRST_LENGTH = 16;
const MIN_MS = 1e-3;
const ROUNDING = 1e-12;
