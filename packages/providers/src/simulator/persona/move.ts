/** One call of an offered function. */
export interface Call {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What a persona does in one turn. */
export interface Move {
  readonly reasoning: string;
  readonly text?: string;
  readonly calls: readonly Call[];
}

/** Name of the function by which a claim is made. */
export const REPORT = 'report_step';
