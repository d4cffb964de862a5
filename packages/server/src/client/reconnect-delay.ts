import { CloseCode } from '../protocol/index.ts';

/** Why and how often a connection was lost. */
export interface Loss {
  /** Close code; 1006 when there was none. */
  readonly code: number;
  /** Failed attempts since it was last open, from 0. */
  readonly attempt: number;
  /** Milliseconds the server asked to wait. */
  readonly hintMs: number | undefined;
}

const FIRST_MS = 200;
const LONGEST_MS = 15_000;
const RESTART_MS = { from: 5000, to: 15_000 };
const FULL_MS = { from: 30_000, to: 120_000 };

/**
 * How long to wait before connecting again, or nothing when it is of no use. Spread at random, so that clients lost together
 * do not come back together.
 */
export function reconnectDelay(
  { code, attempt, hintMs }: Loss,
  random: () => number = Math.random,
): number | undefined {
  if (isFinal(code)) return undefined;
  if (hintMs !== undefined && attempt === 0) return hintMs * (1 + random() / 2);
  if (code === CloseCode.RESTART && attempt === 0) return between(RESTART_MS, random());
  if (code === CloseCode.TRY_LATER) return between(FULL_MS, random());
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt) * (0.5 + random() / 2);
}

/** Close codes after which the same client would only be turned away again. */
export function isFinal(code: number): boolean {
  return code === CloseCode.UNAUTHENTICATED || code === CloseCode.FORBIDDEN || code === CloseCode.REPLACED;
}

function between({ from, to }: { readonly from: number; readonly to: number }, share: number): number {
  return from + (to - from) * share;
}
