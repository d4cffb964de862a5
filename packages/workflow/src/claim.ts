import { z } from 'zod';

/** The seven levels of confidence, lowest first. They are ordinal words, not probabilities. */
export const CONFIDENCE = ['exploring', 'low', 'medium', 'high', 'very_high', 'almost_certain', 'certain'] as const;

/** One level of {@link CONFIDENCE}. */
export type Confidence = (typeof CONFIDENCE)[number];

/** Position on the ladder, 0 (`exploring`) to 6 (`certain`). */
export function confidenceRank(level: Confidence): number {
  return CONFIDENCE.indexOf(level);
}

/** The last three levels count as sure. */
export function isSure(level: Confidence): boolean {
  return confidenceRank(level) >= confidenceRank('very_high');
}

/** Most characters of `findings`. */
export const MAX_FINDINGS_CHARS = 50_000;
/** Most characters of `hypothesis`. */
export const MAX_HYPOTHESIS_CHARS = 10_000;
/** Most entries of any list of a claim. */
export const MAX_LIST_ENTRIES = 1_000;

const confidence = z.preprocess(toLevel, z.enum(CONFIDENCE));

/** What a finding rests on. */
export const Citation = z.object({
  /** Name of the requirement it backs, when there is a checklist. */
  requirement: z.string().max(200).optional(),
  /** Where it was seen, as the tool named it: `file:line`, `file:first-last`, or another source of an observation. */
  source: z.string().min(1).max(1_024),
  /** A few words found there. When given, they must really be there. */
  quote: z.string().max(2_000).optional(),
});
/** One reference of a claim to something observed. */
export type Citation = z.infer<typeof Citation>;

/** A problem found, with its severity. */
export const Issue = z.object({
  severity: z.enum(['critical', 'high', 'medium', 'low']),
  description: z.string().max(10_000),
});

/**
 * The arguments of `report_step`: what the model says about the state of its work. A claim is checked, never believed:
 * `next_step_required: false` asks for the end, it does not decide it.
 */
export const Claim = z.object({
  findings: z.string().max(MAX_FINDINGS_CHARS).describe('What is known now, with reasons. Later steps build on it.'),
  confidence: confidence.default('low').describe(`How sure: ${CONFIDENCE.join(' < ')}`),
  next_step_required: z.boolean().describe('false only when the work is finished'),
  hypothesis: z.string().max(MAX_HYPOTHESIS_CHARS).optional().describe('The current best explanation or answer'),
  citations: z
    .array(Citation)
    .max(MAX_LIST_ENTRIES)
    .default([])
    .describe('What the findings rest on: {source: "file:line", quote, requirement}'),
  issues_found: z.array(Issue).max(MAX_LIST_ENTRIES).optional(),
});
/** One claim. */
export type Claim = z.infer<typeof Claim>;

/** Name of the tool by which a model makes a claim. */
export const REPORT_STEP = 'report_step';

function toLevel(value: unknown): unknown {
  return typeof value === 'string'
    ? value
        .trim()
        .toLowerCase()
        .replaceAll(/[\s-]+/g, '_')
    : value;
}
