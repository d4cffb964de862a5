import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { EvidenceError } from './evidence-error.ts';
import { git } from './git.ts';
import { isInside } from './roots.ts';

/**
 * Makes sure that the repository a folder belongs to is that folder's own: its `.git` is a real folder at the top of the
 * working tree, or a linked worktree that its main repository knows. A `.git` that merely points somewhere would show
 * content of another repository.
 *
 * @throws {@link EvidenceError} `GIT_FAILED`, `ABORTED`.
 */
export async function assertOwnRepository(folder: string, signal?: AbortSignal): Promise<void> {
  const output = await git(folder, ['rev-parse', '--absolute-git-dir', '--show-toplevel'], signal);
  const [data = '', top = ''] = output.split('\n');
  const real = await realOf(top);
  if (!isInside(real, folder)) throw foreign();
  const entry = join(real, '.git');
  if ((await realOf(entry)) === entry && (await realOf(data)) === entry) return;
  // git writes the path of the worktree's .git file into the main repository.
  const back = await readFile(join(data, 'gitdir'), 'utf8').catch(() => '');
  if ((await realOf(back.trim())) !== entry) throw foreign();
}

async function realOf(path: string): Promise<string> {
  return await realpath(path).catch(() => '');
}

function foreign(): EvidenceError {
  return new EvidenceError('GIT_FAILED', 'the repository data lies outside the working tree');
}
