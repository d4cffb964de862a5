/** What only some calls ask for, kept apart so that plain waiters and permits stay small. */
export interface HoldTerms {
  readonly label: string | undefined;
  readonly maxHoldMs: number | undefined;
  /** Carries the stack of the asking call; its text is made at the first sweep, or at once at level `paranoid`. */
  readonly trace: { stack?: string } | undefined;
}

/** The terms of a call, or undefined when it has none. */
export function toHoldTerms(
  ask: { label?: string; maxHoldMs?: number },
  maxHoldMs: number | undefined,
  trace: { stack?: string } | undefined,
): HoldTerms | undefined {
  const hold = ask.maxHoldMs ?? maxHoldMs;
  if (ask.label === undefined && hold === undefined && trace === undefined) return undefined;
  return { label: ask.label, maxHoldMs: hold, trace };
}
