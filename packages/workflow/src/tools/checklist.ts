import type { Requirement } from '../define-workflow.ts';
import type { EvidenceItem } from '../evidence-tool.ts';

const LINES = /:\d+(?:-\d+)?$/;

/** Accepts evidence that is lines of a file; a listing names files and shows nothing of them. */
function isFileLines(evidence: EvidenceItem): boolean {
  return LINES.test(evidence.source);
}

/** A requirement that only lines of a file can back. */
export function shown(id: string, description: string, cites = 1): Requirement {
  return { id, description, cites, accepts: isFileLines };
}

/** A requirement that any cited evidence can back, also a web page or a listing. */
export function grounded(id: string, description: string, cites = 1): Requirement {
  return { id, description, cites };
}
