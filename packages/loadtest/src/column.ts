/** Cells of a {@link Column}. */
export type Cells = Float64Array | Float32Array | Uint16Array | Uint8Array;

const CHUNK_BITS = 13;
const CHUNK = 2 ** CHUNK_BITS;

/** Numbers by row. A chunk whose rows are all blank takes no memory. */
export class Column<T extends Cells> {
  readonly #make: (length: number) => T;
  readonly #blank: number;
  readonly #chunks: (T | undefined)[] = [];

  constructor(make: (length: number) => T, blank = 0) {
    this.#make = make;
    this.#blank = blank;
  }

  /** True when every row is blank. */
  get isBlank(): boolean {
    return this.#chunks.length === 0;
  }

  set(index: number, value: number): void {
    const place = index & (CHUNK - 1);
    const number = index >>> CHUNK_BITS;
    const chunk = this.#chunks[number];
    if (chunk !== undefined) write(chunk, place, value);
    else if (!Object.is(value, this.#blank)) write(this.#begin(number), place, value);
  }

  get(index: number): number {
    const chunk = this.#chunks[index >>> CHUNK_BITS];
    return chunk === undefined ? this.#blank : (chunk[index & (CHUNK - 1)] ?? this.#blank);
  }

  /** A copy of the first `length` rows: what reads all of them reads it several times faster. */
  toArray(length: number): T {
    const all = this.#make(length);
    if (this.#blank !== 0) all.fill(this.#blank);
    for (const [number, chunk] of this.#chunks.entries()) {
      const start = number * CHUNK;
      if (chunk !== undefined) all.set(chunk.subarray(0, length - start), start);
    }
    return all;
  }

  /** A copy of these rows. */
  pick(rows: Uint32Array): T {
    const picked = this.#make(rows.length);
    for (let place = 0; place < rows.length; place += 1) write(picked, place, this.get(rows[place] ?? 0));
    return picked;
  }

  #begin(number: number): T {
    const chunk = this.#make(CHUNK);
    if (this.#blank !== 0) chunk.fill(this.#blank);
    while (this.#chunks.length < number) this.#chunks.push(undefined);
    this.#chunks[number] = chunk;
    return chunk;
  }
}

function write(cells: Cells, place: number, value: number): void {
  cells[place] = value;
}

/** Cells for times that need no more than seven digits. */
export const f32 = (length: number): Float32Array => new Float32Array(length);
/** Cells for times since the start of a run. */
export const f64 = (length: number): Float64Array => new Float64Array(length);
/** Cells for numbers below 65,536. */
export const u16 = (length: number): Uint16Array => new Uint16Array(length);
/** Cells for numbers below 256. */
export const u8 = (length: number): Uint8Array => new Uint8Array(length);

/** Small numbers for repeated texts. */
export class Names {
  readonly #names: string[] = [''];
  readonly #index = new Map<string, number>([['', 0]]);

  indexOf(name: string): number {
    const known = this.#index.get(name);
    if (known !== undefined) return known;
    const index = this.#names.push(name) - 1;
    this.#index.set(name, index);
    return index;
  }

  at(index: number): string {
    return this.#names[index] ?? '';
  }
}
