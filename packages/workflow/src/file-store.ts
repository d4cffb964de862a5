import { chmod, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { lockFolder, type FileLock } from './file-lock.ts';
import { GroupCommit } from './group-commit.ts';
import { JournalBook } from './journal-book.ts';
import { cutOff, readJournal, recoverJournal, toHeaderLine, toLine } from './journal-file.ts';
import type { StoredRecord, WorkflowStore } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const MAX_NAME = 200;

/** What is on the disk for good. */
interface Durable {
  size: number;
  seq: number;
  at: number;
  type: string;
}

/**
 * Keeps each journal as a file of JSON lines in a folder that only its owner can read. One line is one append, synced
 * before it counts; a line torn by a crash is cut off at the next start. One process at a time: the first call rejects
 * with `LOCKED` while another one has the folder open.
 *
 * @param clock Epoch ms; leases end by it.
 */
export function fileStore(dir: string, clock: () => number = Date.now): WorkflowStore {
  const files = new JournalFiles(dir, clock);
  return {
    caps: { durable: 'fsync', multiProcess: false },
    create: async (header) => {
      const book = await files.open();
      const path = files.pathOf(header.id);
      if (book.create(header) === undefined) return 'exists';
      await files.add(header.id, path, toHeaderLine(header));
      return 'created';
    },
    header: async (id) => (await files.open()).find(id)?.header,
    append: async (id, expectedSeq, records, lease) => {
      const book = await files.open();
      const { lastSeq } = book.accept(id, expectedSeq, records, lease);
      await files.write(id, records);
      return lastSeq;
    },
    async *read(id, range = {}) {
      const book = await files.open();
      book.get(id);
      const records = await files.read(id);
      yield* records.slice(Math.max(0, (range.fromSeq ?? 1) - 1), range.toSeq);
    },
    acquire: async (id, owner, ttlMs) => (await files.open()).acquire(id, owner, ttlMs),
    renew: async (lease, ttlMs) => (await files.open()).renew(lease, ttlMs),
    release: async (lease) => (await files.open()).release(lease),
    list: async (filter) => (await files.open()).list(filter),
    prune: async (filter) => {
      const book = await files.open();
      const gone = book.prunable(filter);
      for (const id of gone) await files.remove(id);
      return gone.length;
    },
    close: () => files.close(),
  };
}

/** The files behind a store, and what of them is durable. */
class JournalFiles {
  readonly #dir: string;
  readonly #book: JournalBook;
  readonly #durable = new Map<string, Durable>();
  readonly #idByPath = new Map<string, string>();
  readonly #commit = new GroupCommit(FILE_MODE, (path) => this.#takeBack(path));
  #opened: Promise<FileLock> | undefined;
  #closed = false;

  constructor(dir: string, clock: () => number) {
    this.#dir = dir;
    this.#book = new JournalBook(clock);
  }

  /** The book of what the folder holds. The first call locks the folder and reads it. */
  async open(): Promise<JournalBook> {
    if (this.#closed) throw new WorkflowError('STORE_FAILED', `the store of ${this.#dir} is closed`);
    await (this.#opened ??= this.#load());
    return this.#book;
  }

  pathOf(id: string): string {
    const name = encodeURIComponent(id);
    if (name.length <= MAX_NAME) return join(this.#dir, 'journals', `${name}.jsonl`);
    throw new WorkflowError('INVALID_ARGUMENTS', `an id may have ${MAX_NAME} characters, got ${name.length}`);
  }

  async add(id: string, path: string, line: string): Promise<void> {
    this.#idByPath.set(path, id);
    this.#durable.set(id, { size: 0, seq: 0, at: 0, type: '' });
    await this.#put(id, path, line, undefined);
    await syncFolder(join(this.#dir, 'journals'));
  }

  async write(id: string, records: readonly StoredRecord[]): Promise<void> {
    await this.#put(id, this.pathOf(id), toLine(records), records.at(-1));
  }

  async read(id: string): Promise<StoredRecord[]> {
    const size = this.#durable.get(id)?.size ?? 0;
    return await readJournal(this.pathOf(id), size);
  }

  async remove(id: string): Promise<void> {
    this.#book.remove(id);
    this.#durable.delete(id);
    this.#idByPath.delete(this.pathOf(id));
    await rm(this.pathOf(id), { force: true });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commit.settle();
    await (await this.#opened?.catch(() => undefined))?.release();
  }

  async #put(id: string, path: string, line: string, last: StoredRecord | undefined): Promise<void> {
    try {
      await this.#commit.append(path, line);
    } catch (cause) {
      if (WorkflowError.is(cause)) throw cause;
      throw new WorkflowError('STORE_FAILED', `cannot write journal ${id}`, { cause });
    }
    const durable = this.#durable.get(id);
    if (durable === undefined) return;
    durable.size += Buffer.byteLength(line);
    if (last !== undefined) Object.assign(durable, { seq: last.seq, at: last.at, type: last.type });
  }

  /** After a failed write: what may be half on the disk is cut off, and the journal is where it was. */
  async #takeBack(path: string): Promise<void> {
    const id = this.#idByPath.get(path);
    const durable = id === undefined ? undefined : this.#durable.get(id);
    if (id === undefined || durable === undefined) return;
    const entry = this.#book.find(id);
    if (entry !== undefined) Object.assign(entry, { lastSeq: durable.seq, lastAt: durable.at, lastType: durable.type });
    await cutOff(path, durable.size).catch(() => undefined);
  }

  async #load(): Promise<FileLock> {
    const folder = join(this.#dir, 'journals');
    try {
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      await Promise.all([chmod(this.#dir, FOLDER_MODE), chmod(folder, FOLDER_MODE)]);
    } catch (cause) {
      throw new WorkflowError('STORE_FAILED', `cannot use the folder ${this.#dir}`, { cause });
    }
    const lock = await lockFolder(this.#dir);
    for (const name of await readdir(folder)) {
      if (name.endsWith('.jsonl')) await this.#recover(join(folder, name));
    }
    return lock;
  }

  async #recover(path: string): Promise<void> {
    const found = await recoverJournal(path);
    if (found === undefined) return await rm(path, { force: true });
    const { header, last, size } = found;
    const entry = this.#book.create(header);
    if (entry === undefined) return;
    const seen = { seq: last?.seq ?? 0, at: last?.at ?? header.createdAt, type: last?.type ?? '' };
    Object.assign(entry, { lastSeq: seen.seq, lastAt: seen.at, lastType: seen.type });
    this.#idByPath.set(path, header.id);
    this.#durable.set(header.id, { size, ...seen });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
