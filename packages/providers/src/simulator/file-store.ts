import type { JsonObject } from './json.ts';

interface StoredFile {
  readonly id: string;
  readonly name: string;
  readonly purpose: string;
  readonly data: Buffer;
  /** Epoch seconds. */
  readonly createdAt: number;
}

/** The files of all accounts, in memory. */
export class FileStore {
  readonly #files = new Map<string, Map<string, StoredFile>>();
  #next = 1;

  add(account: string, file: { readonly name: string; readonly purpose: string; readonly data: Buffer }): JsonObject {
    const stored = { ...file, id: `file-simulated-${this.#next}`, createdAt: Math.floor(Date.now() / 1000) };
    this.#next += 1;
    this.#of(account).set(stored.id, stored);
    return describe(stored);
  }

  list(account: string): JsonObject[] {
    return [...this.#of(account).values()].map(describe);
  }

  get(account: string, id: string): JsonObject | undefined {
    const stored = this.#of(account).get(id);
    return stored === undefined ? undefined : describe(stored);
  }

  /** The bytes as text, and the name. */
  content(account: string, id: string): { readonly name: string; readonly text: string } | undefined {
    const stored = this.#of(account).get(id);
    return stored === undefined ? undefined : { name: stored.name, text: stored.data.toString('utf8') };
  }

  delete(account: string, id: string): boolean {
    return this.#of(account).delete(id);
  }

  #of(account: string): Map<string, StoredFile> {
    const files = this.#files.get(account) ?? new Map<string, StoredFile>();
    this.#files.set(account, files);
    return files;
  }
}

function describe({ id, name, purpose, data, createdAt }: StoredFile): JsonObject {
  return { id, object: 'file', bytes: data.length, created_at: createdAt, filename: name, purpose, status: 'ok' };
}
