import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Sandbox {
  /** Parent of the root: what must never be seen. */
  readonly base: string;
  readonly root: string;
  write(path: string, content: string | Uint8Array): Promise<void>;
  remove(): Promise<void>;
}

/** A root folder with the given files, beside a file that is outside it. */
export async function sandbox(files: Record<string, string | Uint8Array> = {}): Promise<Sandbox> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'exai-evidence-')));
  const root = join(base, 'project');
  await mkdir(root);
  await writeFile(join(base, 'outside.txt'), 'outside content\n');
  const write = async (path: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  for (const [path, content] of Object.entries(files)) await write(path, content);
  return { base, root, write, remove: () => rm(base, { recursive: true, force: true }) };
}
