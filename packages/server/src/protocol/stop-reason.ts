import * as z from 'zod';

/**
 * Why a run stopped. Only `complete` is success, and only with `verified: true` was everything on the checklist backed by evidence.
 * Each kind may carry more fields; clients ignore what they do not know.
 */
export const StopReason = z.looseObject({
  kind: z.enum([
    'complete',
    'no_progress',
    'safety_limit',
    'budget',
    'deadline',
    'canceled',
    'suspended',
    'abandoned',
    'failed',
  ]),
  verified: z.boolean().optional(),
});
/** One {@link StopReason}. */
export type StopReason = z.infer<typeof StopReason>;
