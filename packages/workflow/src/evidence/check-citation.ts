import { EvidenceError } from './evidence-error.ts';
import { readLines } from './read-text.ts';
import type { Roots } from './roots.ts';

/** A citation, taken apart. `last` equals `first` for a single line. */
export interface Citation {
  readonly file: string;
  readonly first: number;
  readonly last: number;
}

/** What re-reading a citation gave. */
export type CitationCheck =
  | {
      readonly ok: true;
      readonly file: string;
      readonly line: number;
      /** All cited lines, without blank space around them. */
      readonly text: string;
    }
  | { readonly ok: false; readonly citation: string; readonly reason: string };

/** Longest range that still points at something, in lines. */
const MAX_CITED_LINES = 200;

const CITATION = /^\s*(?<file>[^\s:][^:]*?):(?<first>\d{1,7})(?:-(?<last>\d{1,7}))?(?::\d+)?\s*$/;

/** Takes `file:line`, `file:line:column` or `file:first-last` apart; `undefined` for anything else. */
export function parseCitation(citation: string): Citation | undefined {
  const groups = CITATION.exec(citation)?.groups;
  const file = groups?.['file'];
  if (file === undefined) return undefined;
  const first = Number(groups?.['first']);
  const last = Number(groups?.['last'] ?? first);
  if (first < 1 || last < first) return undefined;
  return { file, first, last };
}

/**
 * Reads a cited place again, inside the roots: the citation holds when the file can be read, has the line, and the
 * cited lines are not all blank. Never throws for a bad citation.
 */
export async function checkCitation(roots: Roots, citation: string): Promise<CitationCheck> {
  const parsed = parseCitation(citation);
  if (parsed === undefined) return refuse(citation, 'not of the form file:line');
  if (parsed.last - parsed.first >= MAX_CITED_LINES) return refuse(citation, `more than ${MAX_CITED_LINES} lines`);
  try {
    const found = await roots.locate(parsed.file);
    const lines = await readLines(found);
    if (parsed.last > lines.length) return refuse(citation, `the file has ${lines.length} lines`);
    const text = lines
      .slice(parsed.first - 1, parsed.last)
      .join('\n')
      .trim();
    if (text === '') return refuse(citation, 'the cited lines are blank');
    return { ok: true, file: found.shown, line: parsed.first, text };
  } catch (error) {
    if (EvidenceError.is(error)) return refuse(citation, `${error.code}: ${error.message}`);
    throw error;
  }
}

function refuse(citation: string, reason: string): CitationCheck {
  return { ok: false, citation, reason };
}
