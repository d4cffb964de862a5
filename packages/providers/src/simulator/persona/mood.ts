/**
 * How a persona behaves while tools are offered.
 *
 * - `plausible`: looks, reads, reports, ends when the checklist is covered.
 * - `loop`: the same call for ever. `stall`: new questions that never find anything.
 * - `lie`: claims `certain` with no evidence. `early-quit`: ends after one look.
 * - `empty`: turns without anything. `prose`: talk without a call or a claim.
 * - `wrong-enum`, `missing-fields`: claims that do not fit the schema.
 * - `claim-beside-tools`: a claim in the same turn as other calls. `claim-in-reasoning`: a claim only in the reasoning.
 */
export type Mood =
  | 'plausible'
  | 'loop'
  | 'stall'
  | 'lie'
  | 'early-quit'
  | 'empty'
  | 'prose'
  | 'wrong-enum'
  | 'missing-fields'
  | 'claim-beside-tools'
  | 'claim-in-reasoning';
