import type { Dirent } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { isInside } from './roots.ts';
import type { FoundPath, Root, Roots } from './roots.ts';
import { isSecretPath } from './secret-file.ts';

/** Deepest folder walked, counted from where the walk starts. */
const MAX_DEPTH = 16;
/** Most directory entries looked at in one walk. */
const MAX_ENTRIES = 20_000;

/** Folders of generated or foreign files: walked only when asked for by path. */
const SKIPPED: ReadonlySet<string> = new Set([
  'node_modules',
  'dist',
  'coverage',
  '.exai',
  '.hg',
  '.svn',
  '.venv',
  '__pycache__',
]);

/** What a walk left out, so that a listing never looks complete when it is not. */
export interface WalkNotes {
  secrets: number;
  links: number;
  isCut: boolean;
}

/**
 * Yields the regular files below a folder, sorted by name, folders after files. Links are not followed; files that may
 * hold credentials are counted in `notes` and not yielded. Stops at `MAX_ENTRIES`, and when the signal aborts.
 */
export async function* walkFiles(
  roots: Roots,
  start: FoundPath,
  notes: WalkNotes,
  signal?: AbortSignal,
): AsyncGenerator<FoundPath> {
  const budget = { left: MAX_ENTRIES };
  yield* walkFolder({ roots, root: start.root, notes, budget, signal }, start.real, 0);
}

interface Walk {
  roots: Roots;
  root: Root;
  notes: WalkNotes;
  budget: { left: number };
  signal: AbortSignal | undefined;
}

async function* walkFolder(walk: Walk, folder: string, depth: number): AsyncGenerator<FoundPath> {
  const folders: string[] = [];
  for (const entry of await sortedEntries(walk, folder)) {
    walk.signal?.throwIfAborted();
    if (walk.budget.left <= 0) {
      walk.notes.isCut = true;
      return;
    }
    walk.budget.left -= 1;
    const real = join(folder, entry.name);
    if (entry.name === '.git') continue;
    if (isSecretPath(relative(walk.root.real, real))) walk.notes.secrets += 1;
    else if (entry.isDirectory() && !SKIPPED.has(entry.name)) folders.push(real);
    else if (entry.isFile()) yield { root: walk.root, real, shown: walk.roots.show(walk.root, real) };
    else if (entry.isSymbolicLink()) walk.notes.links += 1;
  }
  if (depth >= MAX_DEPTH) {
    walk.notes.isCut ||= folders.length > 0;
    return;
  }
  for (const inner of folders) yield* walkFolder(walk, inner, depth + 1);
}

async function sortedEntries(walk: Walk, folder: string): Promise<Dirent[]> {
  const real = await realpath(folder).catch(() => '');
  if (!isInside(walk.root.real, real)) return [];
  const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}
