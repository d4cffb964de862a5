import { createHash, randomUUID } from 'node:crypto';
import { link, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { WorkflowError } from './workflow-error.ts';

/** Enough of a hash that no two locks of a folder share a name. */
const NAME_CHARS = 16;

/** The right of one process to a folder. */
export interface FileLock {
  release(): Promise<void>;
}

/**
 * Locks an existing folder for this process, by a file `lock` in it; does not wait. The lock of a process that is gone is
 * taken over: by one of several that try at once.
 *
 * @throws `WorkflowError` `LOCKED` while the process that has it lives, this one included; `STORE_FAILED` when the folder
 * cannot be written.
 */
export async function lockFolder(dir: string): Promise<FileLock> {
  const own = JSON.stringify({ pid: process.pid, born: await birthOf(process.pid), id: randomUUID() });
  return await take(dir, join(dir, 'lock'), own);
}

async function take(dir: string, path: string, own: string): Promise<FileLock> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    if (await claim(path, own)) return { release: () => release(path, own) };
    const found = await read(path);
    if (found === undefined) continue;
    if (await isAlive(found))
      throw new WorkflowError('LOCKED', `${dir} is in use by process ${pidOf(found) ?? 'unknown'}`);
    await removeStale(dir, { path, stale: found, own });
  }
  throw new WorkflowError('LOCKED', `${dir} is being locked by another process`);
}

/** Makes the lock with its content at once: nobody must find one that does not yet say whose it is. */
async function claim(path: string, own: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, own, { flag: 'wx', mode: 0o600 });
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new WorkflowError('STORE_FAILED', `cannot write ${path}`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Only who has the lock named after a stale one may remove that, and only while it is still there: so a fresh one, made
 * after somebody else was faster, stays. Its process may die meanwhile too, and is then taken over from in the same way.
 */
async function removeStale(
  dir: string,
  { path, stale, own }: { path: string; stale: string; own: string },
): Promise<void> {
  const name = createHash('sha256').update(stale).digest('hex').slice(0, NAME_CHARS);
  const turn = await take(dir, `${path}.${name}`, own);
  try {
    if ((await read(path)) === stale) await unlink(path);
  } finally {
    await turn.release();
  }
}

async function read(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined);
}

async function release(path: string, own: string): Promise<void> {
  if ((await read(path)) === own) await unlink(path);
}

async function isAlive(lock: string): Promise<boolean> {
  const pid = pidOf(lock);
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const born = /"born":"(\w*)"/.exec(lock)?.[1];
  const now = await birthOf(pid);
  return born === '' || now === '' || born === now;
}

function pidOf(lock: string): number | undefined {
  const digits = /"pid":(\d+)/.exec(lock)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** When a process started, in clock ticks since boot (field 22 of /proc/pid/stat); empty where that is not known. */
async function birthOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
