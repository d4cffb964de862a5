import { lstat } from 'node:fs/promises';

import { EvidenceError } from './evidence-error.ts';
import type { Observation } from './observation.ts';
import type { FoundPath, Roots } from './roots.ts';
import { walkFiles } from './walk-files.ts';
import type { WalkNotes } from './walk-files.ts';

/** Most files named by one listing. */
const MAX_LISTED = 500;

/** Arguments of {@link listFiles}. */
export interface ListFilesAsk {
  /** Folder to list, with everything below it. Absent: every root. */
  path?: string | undefined;
}

/**
 * Lists the regular files below a folder: one per line, with its size in bytes. At most `MAX_LISTED`; what was
 * left out (more files, secret files, links) is said in the last lines.
 *
 * @throws {@link EvidenceError} as {@link Roots.locate}, `NOT_A_DIRECTORY`; the signal's reason when aborted.
 */
export async function listFiles(roots: Roots, ask: ListFilesAsk, signal?: AbortSignal): Promise<Observation> {
  const notes: WalkNotes = { secrets: 0, links: 0, isCut: false };
  const lines: string[] = [];
  const starts = await startFolders(roots, ask.path);
  for (const start of starts) {
    for await (const file of walkFiles(roots, start, notes, signal)) {
      if (lines.length >= MAX_LISTED) {
        notes.isCut = true;
        break;
      }
      const info = await lstat(file.real).catch(() => undefined);
      if (info === undefined) continue;
      lines.push(`${file.shown} (${info.size} bytes)`);
    }
  }
  const text = [`${lines.length} files`, ...lines, ...describe(notes)].join('\n');
  const source = starts.length === 1 ? (starts[0]?.shown ?? '.') : '.';
  return { text, evidence: lines.length === 0 ? [] : [{ source, text }] };
}

/** Where a walk starts: the named folder, or every root. */
export async function startFolders(roots: Roots, path: string | undefined): Promise<FoundPath[]> {
  if (path === undefined || path === '.' || path === '') {
    return roots.folders.map((root) => ({ root, real: root.real, shown: roots.show(root, root.real) }));
  }
  const found = await roots.locate(path);
  const info = await lstat(found.real);
  if (!info.isDirectory()) throw new EvidenceError('NOT_A_DIRECTORY', `not a folder: ${path}`);
  return [found];
}

/** The lines that say what a walk left out. */
export function describe(notes: WalkNotes): string[] {
  return [
    ...(notes.isCut ? ['(cut: there are more files; name a smaller folder)'] : []),
    ...(notes.secrets > 0 ? [`(${notes.secrets} left out: may hold credentials)`] : []),
    ...(notes.links > 0 ? [`(${notes.links} symbolic links not followed)`] : []),
  ];
}
