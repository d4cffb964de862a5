import type { EvidenceItem } from '../evidence-tool.ts';

/** What looking at something gave: the text for the model, and the things seen, each with the place it was seen at. */
export interface Observation {
  /** Plain text. File lines carry their number, so that `file:line` can be read again. */
  readonly text: string;
  /** Sources are `file:line`, `file:first-last`, or the folder of a listing. Empty when nothing was found. */
  readonly evidence: readonly EvidenceItem[];
}
