import { lstat } from 'node:fs/promises';

import type { EvidenceItem } from '../evidence-tool.ts';
import { EvidenceError } from './evidence-error.ts';
import { describe, startFolders } from './list-files.ts';
import type { Observation } from './observation.ts';
import { cutLine } from './read-file.ts';
import { MAX_FILE_BYTES, readLines } from './read-text.ts';
import type { FoundPath, Roots } from './roots.ts';
import { walkFiles } from './walk-files.ts';
import type { WalkNotes } from './walk-files.ts';

/** Most matching lines shown by one search. */
const MAX_MATCHES = 100;
/** Most bytes read by one search. */
const MAX_SEARCH_BYTES = 32 * MAX_FILE_BYTES;
/** Longest text searched for, in characters. */
export const MAX_QUERY_LENGTH = 200;
const MATCH_LINE_LENGTH = 300;

/** Arguments of {@link searchText}. */
export interface SearchTextAsk {
  /** Literal text; never a pattern, so that no query can take exponential time. */
  text: string;
  /** File, or folder searched with everything below it. Absent: every root. */
  path?: string | undefined;
  /** Default false. */
  case_sensitive?: boolean | undefined;
}

/**
 * Finds the lines that contain a literal text: `src/a.js:12: line`, at most `MAX_MATCHES`. Binary, secret and
 * oversized files are passed over.
 *
 * @throws {@link EvidenceError} as {@link Roots.locate}, `INVALID_ARGUMENTS` for an empty or too long text; the signal's
 * reason when aborted.
 */
export async function searchText(roots: Roots, ask: SearchTextAsk, signal?: AbortSignal): Promise<Observation> {
  if (ask.text === '' || ask.text.length > MAX_QUERY_LENGTH) {
    throw new EvidenceError('INVALID_ARGUMENTS', `text must have 1 to ${MAX_QUERY_LENGTH} characters`);
  }
  const notes: WalkNotes = { secrets: 0, links: 0, isCut: false };
  const isMatch = matcher(ask);
  const evidence: EvidenceItem[] = [];
  const lines: string[] = [];
  let bytes = 0;
  for await (const file of filesIn(roots, ask.path, notes, signal)) {
    bytes += (await lstat(file.real).catch(() => undefined))?.size ?? 0;
    if (bytes > MAX_SEARCH_BYTES || lines.length >= MAX_MATCHES) {
      notes.isCut = true;
      break;
    }
    for (const [index, line] of (await linesOrNone(file)).entries()) {
      if (lines.length >= MAX_MATCHES || !isMatch(line)) continue;
      evidence.push({ source: `${file.shown}:${index + 1}`, text: line });
      lines.push(`${file.shown}:${index + 1}: ${cutLine(line, MATCH_LINE_LENGTH)}`);
    }
  }
  const cut = lines.length >= MAX_MATCHES ? [`(first ${MAX_MATCHES} matches)`] : [];
  const head = `${lines.length} matches for ${JSON.stringify(ask.text)}`;
  return { text: [head, ...lines, ...cut, ...describe(notes)].join('\n'), evidence };
}

function matcher(ask: SearchTextAsk): (line: string) => boolean {
  if (ask.case_sensitive === true) return (line) => line.includes(ask.text);
  const wanted = ask.text.toLowerCase();
  return (line) => line.toLowerCase().includes(wanted);
}

async function* filesIn(
  roots: Roots,
  path: string | undefined,
  notes: WalkNotes,
  signal: AbortSignal | undefined,
): AsyncGenerator<FoundPath> {
  if (path !== undefined && path !== '' && path !== '.') {
    const found = await roots.locate(path);
    if ((await lstat(found.real)).isFile()) {
      yield found;
      return;
    }
  }
  for (const start of await startFolders(roots, path)) yield* walkFiles(roots, start, notes, signal);
}

/** One unreadable file must not end a search. */
async function linesOrNone(file: FoundPath): Promise<string[]> {
  try {
    return await readLines(file);
  } catch (error) {
    if (EvidenceError.is(error)) return [];
    throw error;
  }
}
