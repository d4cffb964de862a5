/** How bad a suspected problem is. */
export type Severity = 'critical' | 'high' | 'medium' | 'low';

/** A line that looks wrong, and why. */
export interface Suspect {
  readonly kind: string;
  readonly file: string;
  readonly line: number;
  /** What the line says, trimmed. */
  readonly quote: string;
  readonly severity: Severity;
  /** What goes wrong, as a sentence. */
  readonly problem: string;
  /** The change, as a sentence. */
  readonly fix: string;
  /** Other lines that show it, as `file:line`. */
  readonly related: readonly string[];
  /** How sure the pattern is, 0 to 1. */
  readonly weight: number;
}
