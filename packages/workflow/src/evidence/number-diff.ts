import type { EvidenceItem } from '../evidence-tool.ts';
import type { Observation } from './observation.ts';
import { cutLine } from './read-file.ts';
import { holdsPrivateKey, isSecretPath } from './secret-file.ts';

/** Most lines of a diff shown by one call. */
const MAX_DIFF_LINES = 800;
const DIFF_LINE_LENGTH = 400;
const HUNK = /^@@ -\d+(?:,\d+)? \+(?<start>\d+)/;

interface NumberedLine {
  text: string;
  source: string | undefined;
}

interface FileDiff {
  path: string;
  lines: string[];
}

/**
 * Turns git's unified diff into text whose present lines carry their number: `src/a.js:12 + line`, `src/a.js:13   line`,
 * `src/a.js - line` for what is gone. Files that may hold credentials are left out and counted.
 */
export function numberDiff(diff: string, show: (path: string) => string): Observation {
  const files = splitFiles(diff);
  const open = files.filter((file) => !isSecretPath(file.path) && !holdsPrivateKey(file.lines.join('\n')));
  const lines = open.flatMap((file) => numberFile(show(file.path), file.lines));
  const shown = lines.slice(0, MAX_DIFF_LINES);
  const hidden = files.length - open.length;
  const notes = [
    ...(lines.length > MAX_DIFF_LINES ? [`(cut: ${lines.length} lines; name a path)`] : []),
    ...(hidden > 0 ? [`(${hidden} files left out: may hold credentials)`] : []),
  ];
  const head = open.length === 0 ? 'no changes' : `${open.length} changed files`;
  return {
    text: [head, ...shown.map((line) => line.text), ...notes].join('\n'),
    evidence: toEvidence(shown),
  };
}

/** One item per hunk: what its lines say now, and what was removed there. */
function toEvidence(lines: readonly NumberedLine[]): EvidenceItem[] {
  const hunks: { source: string; lines: string[] }[] = [];
  for (const line of lines) {
    if (line.source !== undefined) hunks.push({ source: line.source, lines: [] });
    hunks.at(-1)?.lines.push(line.text);
  }
  return hunks.map((hunk) => ({ source: hunk.source, text: hunk.lines.join('\n') }));
}

function splitFiles(diff: string): FileDiff[] {
  const files: FileDiff[] = [];
  for (const line of diff.split('\n')) {
    if (line.startsWith('diff --git ')) files.push({ path: pathOf(line), lines: [] });
    else files.at(-1)?.lines.push(line);
  }
  return files;
}

/** Without renames both names of the header are the same, so its second half is the path, whatever spaces it has. */
function pathOf(header: string): string {
  const names = header.slice('diff --git '.length);
  const half = names.slice((names.length + 1) / 2);
  return half.replace(/^"?b\//, '').replace(/"$/, '');
}

function numberFile(shown: string, lines: readonly string[]): NumberedLine[] {
  const numbered: NumberedLine[] = [];
  let number: number | undefined;
  for (const line of lines) {
    const start = HUNK.exec(line)?.groups?.['start'];
    if (start !== undefined) {
      number = Number(start);
      numbered.push({ text: `${shown} ${line}`, source: hunkSource(shown, number, line) });
    } else if (number === undefined) {
      if (/^(new|deleted|Binary)/.test(line)) numbered.push({ text: `${shown} (${line})`, source: undefined });
    } else if (line.startsWith('-')) {
      numbered.push({ text: `${shown} - ${cutLine(line.slice(1), DIFF_LINE_LENGTH)}`, source: undefined });
    } else if (line.startsWith('+') || line.startsWith(' ')) {
      const text = `${shown}:${number} ${line.charAt(0)} ${cutLine(line.slice(1), DIFF_LINE_LENGTH)}`;
      numbered.push({ text, source: undefined });
      number += 1;
    }
  }
  return numbered;
}

/** The lines of a hunk that exist now; none for a file that is gone. */
function hunkSource(shown: string, start: number, hunk: string): string | undefined {
  const length = Number(/\+\d+,(?<length>\d+)/.exec(hunk)?.groups?.['length'] ?? 1);
  return length === 0 ? undefined : `${shown}:${start}-${start + length - 1}`;
}
