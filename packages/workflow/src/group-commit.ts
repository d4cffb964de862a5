import { open } from 'node:fs/promises';

interface Pending {
  readonly path: string;
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Files written and synced at the same time. */
const PARALLEL = 16;

/**
 * Appends texts to files so that everything waiting for one file is written and synced together. Each append resolves
 * when it is on the disk. After a failed write the file is cut back by `onFailure`, and everything that waited for it fails.
 */
export class GroupCommit {
  readonly #mode: number;
  readonly #onFailure: (path: string) => Promise<void>;
  #waiting: Pending[] = [];
  #flushing: Promise<void> | undefined;

  constructor(mode: number, onFailure: (path: string) => Promise<void>) {
    this.#mode = mode;
    this.#onFailure = onFailure;
  }

  async append(path: string, text: string): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ path, text, resolve, reject });
    });
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    await done;
  }

  /** Resolves when nothing is left to write. */
  async settle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Whatever is appended in this turn belongs to the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const groups = [...byPath(this.#waiting)];
      this.#waiting = [];
      for (let index = 0; index < groups.length; index += PARALLEL) {
        await Promise.all(groups.slice(index, index + PARALLEL).map(([path, group]) => this.#write(path, group)));
      }
    }
  }

  async #write(path: string, group: readonly Pending[]): Promise<void> {
    try {
      const file = await open(path, 'a', this.#mode);
      try {
        await file.appendFile(group.map(({ text }) => text).join(''));
        await file.datasync();
      } finally {
        await file.close();
      }
      for (const { resolve } of group) resolve();
    } catch (error) {
      await this.#onFailure(path);
      for (const { reject } of [...group, ...this.#take(path)]) reject(error);
    }
  }

  #take(path: string): Pending[] {
    const taken = this.#waiting.filter((pending) => pending.path === path);
    this.#waiting = this.#waiting.filter((pending) => pending.path !== path);
    return taken;
  }
}

function byPath(pending: readonly Pending[]): Map<string, Pending[]> {
  const groups = new Map<string, Pending[]>();
  for (const each of pending) {
    const group = groups.get(each.path);
    if (group === undefined) groups.set(each.path, [each]);
    else group.push(each);
  }
  return groups;
}
