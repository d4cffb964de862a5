import type { KeyTimes, SilentPhase } from './key-times.ts';
import type { BudgetSource } from './phase.ts';
import type { Tuning } from './profile.ts';
import type { Estimate, SilenceEstimator } from './silence-estimator.ts';
import type { TimeoutSettings } from './timeout-settings.ts';

/** Why a phase has the budget it has. */
export interface PhaseExplanation {
  readonly samples: number;
  /** Samples that were not cut short. */
  readonly complete: number;
  /** Quantiles of the silence in milliseconds, for the prompt size asked about. */
  readonly q50?: number;
  readonly q95?: number;
  readonly q99?: number;
  /** Share of the calls that end on their own. */
  readonly plateau: number;
  readonly backoff: number;
  readonly budgetMs: number;
  readonly ceilingMs: number;
  readonly floorMs: number;
  readonly source: BudgetSource;
  /** One sentence. */
  readonly why: string;
}

/** The state of every phase that is learned, for one key. */
export type Explanation = Readonly<Record<SilentPhase, PhaseExplanation>>;

/** Explains the budget of one phase. */
export function explainPhase(
  { profile, tuning }: TimeoutSettings,
  estimator: SilenceEstimator,
  times: KeyTimes,
  { phase, size }: { readonly phase: SilentPhase; readonly size: number },
): PhaseExplanation {
  const state = times.peek(phase);
  const estimate: Estimate =
    profile === 'fixed' ? { ms: Number.POSITIVE_INFINITY, source: 'fixed' } : estimator.estimate(times, phase, size);
  const quantile = <Name extends string>(name: Name, q: number): { [name in Name]?: number } => {
    const ms = estimator.quantile(times, phase, q, size);
    const entry: { [name in Name]?: number } = {};
    if (ms !== undefined) entry[name] = ms;
    return entry;
  };
  const complete = state?.silences.events ?? 0;
  return {
    samples: state?.silences.size ?? 0,
    complete,
    ...quantile('q50', 0.5),
    ...quantile('q95', 0.95),
    ...quantile('q99', 0.99),
    plateau: state?.silences.plateau ?? 0,
    backoff: state?.backoff ?? 1,
    budgetMs: estimate.ms,
    ceilingMs: estimator.ceiling(times.key, phase, size),
    floorMs: estimator.floor(times.key, phase),
    source: estimate.source,
    why: why(estimate, complete, tuning),
  };
}

function why(estimate: Estimate, complete: number, tuning: Tuning): string {
  const seconds = `${(estimate.ms / 1000).toFixed(1)} s`;
  switch (estimate.source) {
    case 'seed':
      return `${seconds}: the table, nothing was seen yet`;
    case 'learned':
      return `${seconds}: ${tuning.margin} × the ${tuning.quantile} quantile, blended with the table by ${complete} complete samples`;
    case 'backoff':
      return `${seconds}: raised after time-outs`;
    case 'fixed':
      return 'no silence timer: the table bounds the whole request';
    case 'explore':
    case 'deadline':
      return `${seconds}: set for this call alone`;
    default:
      return estimate.source satisfies never;
  }
}
