import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { lockFolder } from '../src/file-lock.ts';

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'exai-lock-'));

async function lockedBy(text: string): Promise<string> {
  const dir = await folder();
  await writeFile(join(dir, 'lock'), text);
  return dir;
}

/** More than any process has: the kernel's largest is 2^22. */
const NOBODY = 4_194_305;
const DEAD = JSON.stringify({ pid: NOBODY, born: '1', id: 'x' });

describe('the lock of a folder', () => {
  it('is refused while its process lives, and free when it is given back', async () => {
    const dir = await folder();
    const lock = await lockFolder(dir);
    await expect(lockFolder(dir)).rejects.toMatchObject({
      code: 'LOCKED',
      message: expect.stringContaining(`in use by process ${process.pid}`),
    });
    await lock.release();
    await (await lockFolder(dir)).release();
    expect(await readdir(dir)).toEqual([]);
  });

  it.each([
    ['a process that is gone', DEAD],
    ['a process of the same number, born at another time', JSON.stringify({ pid: process.pid, born: '1', id: 'x' })],
    ['nobody that can be read', 'torn {'],
  ])('is taken from %s', async (_, text) => {
    const dir = await lockedBy(text);
    const lock = await lockFolder(dir);
    expect(await readFile(join(dir, 'lock'), 'utf8')).toContain(`"pid":${process.pid}`);
    await lock.release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('is not taken from a living process whose birth is not known', async () => {
    const dir = await lockedBy(JSON.stringify({ pid: process.pid, born: '', id: 'x' }));
    await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('is not taken from a process of another user', async () => {
    const dir = await lockedBy(JSON.stringify({ pid: 1, born: '', id: 'x' }));
    await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('goes to one of several that find a stale one at the same moment', async () => {
    for (let round = 0; round < 50; round += 1) {
      const dir = await lockedBy(DEAD);
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(dir)));
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await readdir(dir)).filter((name) => name !== 'lock')).toEqual([]);
    }
  });

  it('is taken over though a process died while it took it over', async () => {
    const dir = await lockedBy(DEAD);
    const turn = createHash('sha256').update(DEAD).digest('hex').slice(0, 16);
    await writeFile(join(dir, `lock.${turn}`), JSON.stringify({ pid: NOBODY, born: '2', id: 'y' }));
    await (await lockFolder(dir)).release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('stays with whom it belongs to when an older holder gives back', async () => {
    const dir = await folder();
    const lock = await lockFolder(dir);
    await writeFile(join(dir, 'lock'), 'of another');
    await lock.release();
    expect(await readFile(join(dir, 'lock'), 'utf8')).toBe('of another');
  });

  it('says that it cannot write', async () => {
    const dir = join(await folder(), 'missing');
    await expect(lockFolder(dir)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(dir),
    });
  });
});
