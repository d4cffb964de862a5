import { z } from 'zod';

import { MAX_LIST_ENTRIES } from '../claim.ts';

/** Longest short text field (focus, target, standard), in characters. */
const MAX_TEXT_CHARS = 10_000;

/** A short text. */
export const text = z.string().max(MAX_TEXT_CHARS);
/** A list of short texts. A single string is an error, never an empty list. */
export const texts = z.array(text).max(MAX_LIST_ENTRIES);
/** Paths, relative to a root or absolute inside one. */
export const paths = z.array(z.string().min(1).max(1_024)).max(MAX_LIST_ENTRIES);

/** Least severity reported. */
export const severityFilter = z.enum(['critical', 'high', 'medium', 'low', 'all']).default('all');

/** The sentence for a severity filter; none for `all`. */
export function severityRule(filter: z.infer<typeof severityFilter>): string | undefined {
  return filter === 'all' ? undefined : `${filter} and above only`;
}
