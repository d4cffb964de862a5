import { PHASES, type Phase, type PhaseBudgets } from '../timeouts/phase.ts';

/** Share of a changed budget at which `stalled` comes. */
const STALLED_SHARE = 0.75;

/** Budgets with some replaced; what was replaced counts as `fixed`. */
export function withBudgets(budgets: PhaseBudgets, change: (phase: Phase, ms: number) => number): PhaseBudgets {
  const { connect, first, reasoning, text, total } = budgets;
  const ms: Record<Phase, number> = {
    connect,
    first,
    reasoning,
    text,
    total,
    'tool-args': budgets['tool-args'],
    'server-tool': budgets['server-tool'],
  };
  const stalled = { ...budgets.stalled };
  const source = { ...budgets.source };
  for (const phase of PHASES) {
    const changed = change(phase, ms[phase]);
    if (changed !== ms[phase]) source[phase] = 'fixed';
    ms[phase] = changed;
    stalled[phase] = Math.min(stalled[phase], changed * STALLED_SHARE);
  }
  return { ...budgets, ...ms, source, stalled };
}
