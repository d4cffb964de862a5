/** More of a line than this is not looked at: patterns must stay cheap, whatever the file. */
const MOST_CHARS = 240;

/** Lines of a file, as far as tool results showed them. */
export class SeenFile {
  readonly path: string;
  readonly #lines = new Map<number, string>();

  constructor(path: string) {
    this.path = path;
  }

  /** Notes what a line says. */
  see(number: number, text: string): void {
    this.#lines.set(number, text.slice(0, MOST_CHARS));
  }

  /** The text of a line; `undefined` when it was not shown. */
  line(number: number): string | undefined {
    return this.#lines.get(number);
  }

  /** Number and text of every line seen, in order. */
  lines(): [number: number, text: string][] {
    return [...this.#lines].sort(([a], [b]) => a - b);
  }

  /** How many lines were seen. */
  get size(): number {
    return this.#lines.size;
  }
}
