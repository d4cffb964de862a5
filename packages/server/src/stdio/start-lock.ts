import { readFile, rm, writeFile } from 'node:fs/promises';

/** A file that one process at a time can make. */
export interface StartLock {
  release(): Promise<void>;
}

/** Takes the lock, or nothing when a living process has it. One left by a process that died is taken over. */
export async function takeStartLock(path: string): Promise<StartLock | undefined> {
  if (await make(path)) return { release: () => rm(path, { force: true }) };
  const holder = Number(await readFile(path, 'utf8').catch(() => ''));
  if (isAlive(holder)) return undefined;
  await rm(path, { force: true });
  return (await make(path)) ? { release: () => rm(path, { force: true }) } : undefined;
}

async function make(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** An empty file is one whose maker has not written yet. */
function isAlive(pid: number): boolean {
  if (pid === 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
