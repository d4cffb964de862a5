/** What only some calls ask for, kept apart so that plain waiters and permits stay small. */
export interface HoldTerms {
  readonly label: string | undefined;
  readonly maxHoldMs: number | undefined;
  /** Carries the stack of the asking call; its text is made at the first sweep, or at once at level `paranoid`. */
  readonly trace: { stack?: string } | undefined;
}
