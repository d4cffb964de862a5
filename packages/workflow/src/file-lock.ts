import { randomUUID } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { WorkflowError } from './workflow-error.ts';

/** The right of one process to a folder. */
export interface FileLock {
  release(): Promise<void>;
}

/**
 * Locks a folder for this process. The lock of a process that is gone is taken over.
 *
 * @throws `WorkflowError` `LOCKED` while its process lives, this one included.
 */
export async function lockFolder(dir: string): Promise<FileLock> {
  const path = join(dir, 'lock');
  const own = JSON.stringify({ pid: process.pid, born: await birthOf(process.pid), id: randomUUID() });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    if (await claim(path, own)) return { release: () => release(path, own) };
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined) continue;
    if (await isAlive(found))
      throw new WorkflowError('LOCKED', `${dir} is in use by process ${pidOf(found) ?? 'unknown'}`);
    await removeStale(path, found);
  }
  throw new WorkflowError('LOCKED', `${dir} is being locked by another process`);
}

async function claim(path: string, own: string): Promise<boolean> {
  try {
    await writeFile(path, own, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new WorkflowError('STORE_FAILED', `cannot write ${path}`, { cause: error });
  }
}

/** Takes the stale lock away under a name of its own, so that of two processes only one does; a fresh one is put back. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8')) !== stale) await link(aside, path).catch(() => undefined);
  await unlink(aside);
}

async function release(path: string, own: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === own) await unlink(path);
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
