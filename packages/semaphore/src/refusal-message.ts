import type { AcquireErrorCode } from './acquire-error.ts';
import type { CapacityTier } from './capacity-tier.ts';
import type { HolderInfo } from './holder-info.ts';
import type { Seat } from './seat.ts';

const MAX_HOLDERS = 3;

const REASONS: Readonly<Record<AcquireErrorCode, string>> = {
  TIMEOUT: 'timeoutMs passed',
  DEADLINE_EXCEEDED: 'deadlineAt is too near or past',
  ABORTED: 'the wait was aborted',
  OVER_CAPACITY: 'the queue is full',
  SHED: 'waits have become too long',
  CLOSED: 'closed',
  DEADLOCK: 'the flow waits for itself',
  LOST: 'lost',
};

/** One sentence: what was wanted, why not, and who holds it. */
export function toRefusalMessage(
  code: AcquireErrorCode,
  tier: CapacityTier,
  seat: Seat,
  waitedMs: number,
  holders: readonly HolderInfo[],
): string {
  const of = seat.provider === undefined ? '' : ` of ${seat.provider.id}`;
  const waited = waitedMs > 0 ? ` after ${Math.round(waitedMs)} ms` : '';
  const full = `${tier.held} of ${tier.limit} held in the ${tier.type} tier`;
  const by = holders.slice(0, MAX_HOLDERS).map((holder) => describeHolder(holder, false));
  return `no permit${of}${waited}: ${REASONS[code]}; ${full}${by.length === 0 ? '' : ` by ${by.join(', ')}`}`;
}

/** A holder in a sentence, its stack on lines of its own if asked for. */
export function describeHolder({ id, label, ageMs, state, stack }: HolderInfo, withStack: boolean): string {
  const at = stack === undefined || !withStack ? '' : `\n${stack}\n`;
  return `${describePermit({ id, label })} (${state}, ${Math.round(ageMs)} ms)${at}`;
}

/** A permit by its number and its label. */
export function describePermit({ id, label }: { id: number; label?: string | undefined }): string {
  return `#${id}${inQuotes(label)}`;
}

/** The label with a space before it, or nothing. */
export function inQuotes(label: string | undefined): string {
  return label === undefined ? '' : ` "${label}"`;
}
