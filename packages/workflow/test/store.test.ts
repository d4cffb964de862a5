import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile, appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { fileStore, memoryStore, type WorkflowStore } from '../src/index.ts';
import { storeConformance } from '../src/testing/index.ts';

const folders: string[] = [];
const places = new Map<WorkflowStore, string>();

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'exai-store-'));
  folders.push(dir);
  return dir;
}

async function openFile(dir: string, clock: () => number): Promise<WorkflowStore> {
  const store = fileStore(dir, clock);
  places.set(store, dir);
  return store;
}

afterAll(async () => {
  for (const dir of folders) await rm(dir, { recursive: true, force: true });
});

describe('memoryStore keeps the rules of a store:', () => {
  for (const { name, run } of storeConformance({ open: async (clock) => memoryStore(clock) })) it(name, run);
});

describe('fileStore keeps the rules of a store:', () => {
  const subject = {
    open: async (clock: () => number) => openFile(await folder(), clock),
    reopen: async (closed: WorkflowStore, clock: () => number) => openFile(places.get(closed) ?? '', clock),
  };
  for (const { name, run } of storeConformance(subject)) it(name, run);
});

const HEADER = { id: 'run/1', kind: 'run', version: 1, createdAt: 5 } as const;
const record = (seq: number) => ({ seq, at: seq, type: 'decision', text: 'x'.repeat(50) });

async function write(dir: string, upTo: number): Promise<string> {
  const store = fileStore(dir);
  await store.create(HEADER);
  const lease = await store.acquire('run/1', 'me', 1_000);
  for (let seq = 1; seq <= upTo; seq += 1) await store.append('run/1', seq - 1, [record(seq)], lease!);
  await store.close();
  return join(dir, 'journals', (await readdir(join(dir, 'journals')))[0] ?? '');
}

async function seqsOf(dir: string): Promise<number[]> {
  const store = fileStore(dir);
  const seqs: number[] = [];
  try {
    for await (const { seq } of store.read('run/1')) seqs.push(seq);
  } finally {
    await store.close();
  }
  return seqs;
}

describe('fileStore', () => {
  it('cuts a torn last line off, wherever the crash tore it, and goes on from there', async () => {
    const dir = await folder();
    const path = await write(dir, 3);
    const bytes = await readFile(path);
    const lastLine = bytes.lastIndexOf(10, bytes.length - 2) + 1;
    for (const size of [lastLine + 1, lastLine + 20, bytes.length - 2, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, size));
      expect(await seqsOf(dir)).toEqual([1, 2]);
      expect((await readFile(path)).length).toBe(lastLine);
    }
  });

  it('drops a last line of zeros, as a crash of the machine may leave it', async () => {
    const dir = await folder();
    const path = await write(dir, 2);
    await appendFile(path, Buffer.concat([Buffer.alloc(64), Buffer.from('\n')]));
    expect(await seqsOf(dir)).toEqual([1, 2]);
  });

  it('refuses to read over damage in the middle', async () => {
    const dir = await folder();
    const path = await write(dir, 3);
    const lines = (await readFile(path, 'utf8')).split('\n');
    lines[2] = '[{"seq":';
    await writeFile(path, lines.join('\n'));
    await expect(seqsOf(dir)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('forgets a journal whose header was torn', async () => {
    const dir = await folder();
    const path = await write(dir, 1);
    await truncate(path, 10);
    const store = fileStore(dir);
    expect(await store.header('run/1')).toBeUndefined();
    await store.close();
    expect(await readdir(join(dir, 'journals'))).toEqual([]);
  });

  it('keeps everything readable by its owner only', async () => {
    const dir = await folder();
    const path = await write(dir, 1);
    const mode = async (of: string): Promise<string> => ((await stat(of)).mode & 0o777).toString(8);
    expect([await mode(dir), await mode(join(dir, 'journals')), await mode(path)]).toEqual(['700', '700', '600']);
  });

  it('refuses a folder that is open elsewhere, and takes over the lock of a process that is gone', async () => {
    const dir = await folder();
    const first = fileStore(dir);
    await first.header('x');
    await expect(fileStore(dir).header('x')).rejects.toMatchObject({ code: 'LOCKED' });
    await first.close();
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, born: '1', id: 'x' }));
    const second = fileStore(dir);
    expect(await second.header('x')).toBeUndefined();
    await second.close();
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid: process.pid, born: '1', id: 'a process id used again' }));
    const third = fileStore(dir);
    expect(await third.header('x')).toBeUndefined();
    await third.close();
  });

  it('writes what waits together, one sync for all', async () => {
    const dir = await folder();
    const store = fileStore(dir);
    await store.create(HEADER);
    const lease = await store.acquire('run/1', 'me', 1_000);
    const all = Array.from({ length: 200 }, (_, index) => store.append('run/1', index, [record(index + 1)], lease!));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    await store.close();
    expect(await seqsOf(dir)).toHaveLength(200);
  });

  it('fails with STORE_FAILED and stays where it was when a write fails', async () => {
    const dir = await folder();
    const store = fileStore(dir);
    await store.create(HEADER);
    const lease = await store.acquire('run/1', 'me', 1_000);
    await store.append('run/1', 0, [record(1)], lease!);
    const path = join(dir, 'journals', (await readdir(join(dir, 'journals')))[0] ?? '');
    const kept = await readFile(path);
    await rm(path);
    const { mkdir, rmdir } = await import('node:fs/promises');
    await mkdir(path);
    await expect(store.append('run/1', 1, [record(2)], lease!)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await rmdir(path);
    await writeFile(path, kept);
    expect(await store.append('run/1', 1, [record(2)], lease!)).toBe(2);
    await store.close();
    expect(await seqsOf(dir)).toEqual([1, 2]);
  });
});
