import { open, readFile, truncate } from 'node:fs/promises';

import type { JournalHeader } from './journal.ts';
import { parseBatch, parseHeader } from './parse-journal.ts';
import type { StoredRecord } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

/** A journal as found on disk. */
export interface FoundJournal {
  readonly header: JournalHeader;
  readonly last: StoredRecord | undefined;
  /** Bytes up to the end of the last whole line. */
  readonly size: number;
}

/** One append as one line: it is there whole or not at all. */
export function toLine(records: readonly StoredRecord[]): string {
  return `${JSON.stringify(records)}\n`;
}

/** The first line of a journal. */
export function toHeaderLine(header: JournalHeader): string {
  return `${JSON.stringify(header)}\n`;
}

/**
 * Opens a journal after a start: a torn last line, from a crash in the middle of a write, is cut off. Nothing is
 * returned for a file whose header was torn; it held no record.
 */
export async function recoverJournal(path: string): Promise<FoundJournal | undefined> {
  const bytes = await readFile(path);
  let size = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, size).toString('utf8').split('\n').slice(0, -1);
  let last: StoredRecord | undefined;
  const tail = lines.length > 1 ? parseBatch(lines.at(-1) ?? '') : [];
  if (tail === undefined) {
    size -= Buffer.byteLength(`${lines.pop() ?? ''}\n`);
    last = lines.length > 1 ? parseBatch(lines.at(-1) ?? '')?.at(-1) : undefined;
  } else {
    last = tail.at(-1);
  }
  if (size < bytes.length) await cutOff(path, size);
  const header = parseHeader(lines[0] ?? '');
  return header === undefined ? undefined : { header, last, size };
}

/** Shortens a file for good. */
export async function cutOff(path: string, size: number): Promise<void> {
  await truncate(path, size);
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The records of a journal up to a size in bytes. Throws `STORE_FAILED` for a line in the middle that is no record. */
export async function readJournal(path: string, size: number): Promise<StoredRecord[]> {
  const bytes = await readFile(path);
  const lines = bytes.subarray(0, size).toString('utf8').split('\n').slice(1, -1);
  return lines.flatMap((line, index) => {
    const batch = parseBatch(line);
    if (batch === undefined) throw new WorkflowError('STORE_FAILED', `line ${index + 2} of ${path} is damaged`);
    return batch;
  });
}
