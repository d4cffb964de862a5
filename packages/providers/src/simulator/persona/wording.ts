import type { Conversation } from './conversation.ts';
import { placeOf } from './insight.ts';
import type { Insight } from './insight.ts';
import type { SeenFile } from './seen-file.ts';

/** Most file names in one sentence. */
const MOST_NAMES = 6;

/** The names of the files read, as part of a sentence. */
export function readNames(files: readonly SeenFile[]): string {
  const names = files.map((file) => file.path);
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}

/** What is known so far, in a few sentences with places. */
export function summarize({ files, listed, task }: Conversation, insight: Insight): string {
  const [suspect] = insight.suspects;
  const defines = insight.landmarks.filter((mark) => mark.kind === 'defines').slice(0, 3);
  const sentences = [
    files.length > 0 ? `Read ${readNames(files)}${listed.size > 0 ? ` of ${listed.size} files` : ''}.` : '',
    defines.length > 0 ? `${defines.map((mark) => `${mark.name} is defined at ${placeOf(mark)}`).join('; ')}.` : '',
    suspect === undefined ? '' : `${placeOf(suspect)} (${suspect.quote}): ${suspect.problem}`,
    files.length === 0 ? `The question is: ${clip(task, 300)}` : '',
  ];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

/** The first line of a text, at most so many characters. */
export function clip(text: string, most: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
