import type { Observation } from './observation.ts';
import { readLines } from './read-text.ts';
import type { Roots } from './roots.ts';

/** Most lines shown by one call. */
const MAX_LINES_SHOWN = 400;
/** Most characters shown by one call, line numbers not counted. */
const MAX_CHARS_SHOWN = 32_000;
/** Longer lines are cut, with a mark. */
const MAX_LINE_LENGTH = 1_000;

/** Arguments of {@link readFile}. */
export interface ReadFileAsk {
  path: string;
  /** First line wanted, from 1. Default 1. */
  start_line?: number | undefined;
  /** Last line wanted, inclusive. Default: as many as fit. */
  end_line?: number | undefined;
}

/**
 * Reads part of a text file. The first line names the file and the range (`src/a.js lines 1-40 of 90`), then each line
 * as `12| text`; a last line tells where to go on when the file is longer than `MAX_LINES_SHOWN` lines or
 * `MAX_CHARS_SHOWN` characters.
 *
 * @throws `EvidenceError` as {@link Roots.locate} and {@link readLines}.
 */
export async function readFile(roots: Roots, ask: ReadFileAsk): Promise<Observation> {
  const found = await roots.locate(ask.path);
  const lines = await readLines(found);
  const first = Math.max(1, ask.start_line ?? 1);
  const last = lastThatFits(lines, first, Math.min(ask.end_line ?? lines.length, lines.length));
  if (last < first) {
    return { text: `${found.shown} has ${lines.length} lines; none at ${first}`, evidence: [] };
  }
  const shown = lines.slice(first - 1, last).map((line, index) => `${first + index}| ${cutLine(line)}`);
  const more = last < lines.length ? [`(more: start_line ${last + 1})`] : [];
  const text = [`${found.shown} lines ${first}-${last} of ${lines.length}`, ...shown, ...more].join('\n');
  return { text, evidence: [{ source: `${found.shown}:${first}-${last}`, text }] };
}

/** A line short enough to show. */
export function cutLine(line: string, limit: number = MAX_LINE_LENGTH): string {
  return line.length <= limit ? line : `${line.slice(0, limit)} …[cut, ${line.length} characters]`;
}

function lastThatFits(lines: readonly string[], first: number, wanted: number): number {
  const end = Math.min(wanted, first + MAX_LINES_SHOWN - 1);
  let chars = 0;
  for (let number = first; number <= end; number += 1) {
    chars += Math.min(lines[number - 1]?.length ?? 0, MAX_LINE_LENGTH);
    if (chars > MAX_CHARS_SHOWN && number > first) return number - 1;
  }
  return end;
}
