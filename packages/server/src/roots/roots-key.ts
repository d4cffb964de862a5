import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const KEY_BYTES = 32;
const FORM = /^[\w-]{43}$/;

/** Folder of what bridges and the servers they start keep for one user of this machine. */
export function userFolder(): string {
  return join(homedir(), '.exai');
}

/**
 * The key by which programs of one user of this machine know each other, from `roots.key` in a folder that is made with 0700. Made
 * when there is none; of several programs that make it at once all get the same.
 */
export async function ensureRootsKey(folder: string): Promise<string> {
  const path = join(folder, 'roots.key');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = readRootsKey(folder);
  if (known !== undefined) return known;
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const key = randomBytes(KEY_BYTES).toString('base64url');
  try {
    await writeFile(draft, key, { flag: 'wx', mode: 0o600 });
    // Whole or not at all, and never over another's.
    await link(draft, path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  const made = readRootsKey(folder);
  if (made === undefined) throw new Error(`${path} is there and is no key that only its owner can read; remove it`);
  return made;
}

/** The key in a folder; nothing when there is none, or when others may read or have made it. */
export function readRootsKey(folder: string): string | undefined {
  try {
    const path = join(folder, 'roots.key');
    const { mode, uid } = statSync(path);
    const isPrivate = process.getuid === undefined || ((mode & 0o077) === 0 && uid === process.getuid());
    const key = readFileSync(path, 'utf8');
    return isPrivate && FORM.test(key) ? key : undefined;
  } catch {
    return undefined;
  }
}
