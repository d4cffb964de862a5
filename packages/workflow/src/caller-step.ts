import { z } from 'zod';

import { Citation, Claim, CONFIDENCE, Issue } from './claim.ts';
import { checkCitation, parseCitation } from './evidence/check-citation.ts';
import type { Roots } from './evidence/roots.ts';
import { digest, mask, sketch } from './fingerprint.ts';
import type { EvidenceRecord } from './journal.ts';

/** The fields of a caller-driven step that the engine reads. */
export const CallerStep = z.looseObject({
  step: z.string().min(1),
  step_number: z.number().int().min(1),
  next_step_required: z.boolean(),
  findings: z.string(),
  confidence: z.enum(CONFIDENCE).default('low'),
  hypothesis: z.string().optional(),
  citations: z.array(Citation).default([]),
  files_checked: z.array(z.string()).default([]),
  relevant_files: z.array(z.string()).default([]),
  issues_found: z.array(Issue).optional(),
  backtrack_from_step: z.number().int().min(1).optional(),
});
/** One caller-driven step. */
export type CallerStep = z.infer<typeof CallerStep>;

/** What a step brings: evidence of its grade, and the citations that did not hold. */
export interface StepEvidence {
  readonly items: readonly EvidenceRecord[];
  readonly refused: readonly { readonly source: string; readonly reason: string }[];
}

/** The claim a caller's step makes. */
export function toClaim(step: CallerStep): Claim {
  return Claim.parse({
    findings: step.findings,
    confidence: step.confidence,
    next_step_required: step.next_step_required,
    citations: step.citations,
    ...(step.hypothesis === undefined ? {} : { hypothesis: step.hypothesis }),
    ...(step.issues_found === undefined ? {} : { issues_found: step.issues_found }),
  });
}

/**
 * Grades what a caller says it saw. A `file:line` is read again inside the roots and counts as `checked`; one that does
 * not hold is refused. Everything else (no roots, no line, findings, files named) is the caller's word: `attested`.
 */
export async function gradeEvidence(step: CallerStep, roots: Roots): Promise<StepEvidence> {
  const graded = await Promise.all(step.citations.map((citation) => grade(citation, roots)));
  const named = [...new Set([...step.files_checked, ...step.relevant_files])];
  return {
    items: [
      ...graded.flatMap((each) => ('item' in each ? [each.item] : [])),
      ...named.map((source) => attested(source, source)),
      attested('findings', step.findings),
    ],
    refused: graded.flatMap((each) => ('reason' in each ? [each] : [])),
  };
}

async function grade(
  citation: Citation,
  roots: Roots,
): Promise<{ readonly item: EvidenceRecord } | { readonly source: string; readonly reason: string }> {
  const { source, quote } = citation;
  if (roots.folders.length === 0 || parseCitation(source) === undefined)
    return { item: attested(source, quote ?? source) };
  const check = await checkCitation(roots, source);
  if (!check.ok) return { source, reason: check.reason };
  if (
    quote !== undefined &&
    !squeeze(check.text).includes(squeeze(quote)) &&
    !squeeze(quote).includes(squeeze(check.text))
  ) {
    return { source, reason: 'the quote is not there' };
  }
  const text = quote ?? check.text;
  return { item: { source, key: digest(mask(check.text)), grade: 'checked', text } };
}

function attested(source: string, text: string): EvidenceRecord {
  return { source, key: digest(mask(text)), grade: 'attested', text, sketch: sketch(text) };
}

function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, '').toLowerCase();
}
