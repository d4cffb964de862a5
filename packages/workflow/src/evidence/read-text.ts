import { constants } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';

import { EvidenceError } from './evidence-error.ts';
import { isInside } from './roots.ts';
import type { FoundPath } from './roots.ts';
import { holdsPrivateKey } from './secret-file.ts';

/** Largest file read, in bytes. */
export const MAX_FILE_BYTES = 1_048_576;

/** How much of a file decides whether it is binary, in bytes; git uses the same number. */
const BINARY_PROBE_BYTES = 8_000;

/**
 * Reads a located file as text lines, with the line ends removed.
 *
 * @throws {@link EvidenceError} `NOT_A_FILE`, `TOO_LARGE`, `BINARY_FILE`, `SECRET_FILE` (a private key inside),
 * `OUTSIDE_ROOTS` (the path was swapped for a link meanwhile), `NOT_FOUND`.
 */
export async function readLines(found: FoundPath): Promise<string[]> {
  const bytes = await readBytes(found);
  if (bytes.subarray(0, BINARY_PROBE_BYTES).includes(0)) {
    throw new EvidenceError('BINARY_FILE', `file is binary: ${found.shown}`);
  }
  const text = bytes.toString('utf8');
  if (holdsPrivateKey(text)) {
    throw new EvidenceError('SECRET_FILE', `file holds a private key and is not shown: ${found.shown}`);
  }
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

async function readBytes(found: FoundPath): Promise<Buffer> {
  // O_NONBLOCK keeps a named pipe from hanging the read, O_NOFOLLOW refuses a link put in place since the check.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const file = await open(found.real, flags).catch((cause: unknown) => {
    throw new EvidenceError('NOT_FOUND', `file cannot be opened: ${found.shown}`, { cause });
  });
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new EvidenceError('NOT_A_FILE', `not a regular file: ${found.shown}`);
    if (info.size > MAX_FILE_BYTES) {
      throw new EvidenceError(
        'TOO_LARGE',
        `file has ${info.size} bytes, the limit is ${MAX_FILE_BYTES}: ${found.shown}`,
      );
    }
    await assertStillInside(found, info);
    const buffer = Buffer.alloc(info.size);
    const { bytesRead } = await file.read(buffer, 0, info.size, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A folder on the way may have been swapped for a link after the check: what was opened must be what the path is now. */
async function assertStillInside(found: FoundPath, opened: { ino: number; dev: number }): Promise<void> {
  const real = await realpath(found.real).catch(() => '');
  const now = real === '' ? undefined : await stat(real).catch(() => undefined);
  if (!isInside(found.root.real, real) || now?.ino !== opened.ino || now.dev !== opened.dev) {
    throw new EvidenceError('OUTSIDE_ROOTS', `path changed while it was read: ${found.shown}`);
  }
}
