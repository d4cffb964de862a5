import type { BudgetSource, Phase } from './phase.ts';

/** Why a watchdog aborted its signal: which budget, how long, and where the budget came from. */
export class TimeoutReason extends Error {
  override readonly name = 'TimeoutReason';
  readonly phase: Phase;
  readonly budgetMs: number;
  readonly elapsedMs: number;
  readonly source: BudgetSource;

  constructor(end: { phase: Phase; budgetMs: number; elapsedMs: number; source: BudgetSource }) {
    super(
      end.source === 'deadline'
        ? `deadline passed in phase ${end.phase} after ${Math.round(end.elapsedMs)} ms of silence`
        : `silent for ${Math.round(end.elapsedMs)} ms in phase ${end.phase}, budget ${Math.round(end.budgetMs)} ms (${end.source})`,
    );
    this.phase = end.phase;
    this.budgetMs = end.budgetMs;
    this.elapsedMs = end.elapsedMs;
    this.source = end.source;
  }

  /** True for a reason of any copy of this class. */
  static is(value: unknown): value is TimeoutReason {
    return value instanceof Error && value.name === 'TimeoutReason' && 'budgetMs' in value;
  }
}
