/**
 * How much patience. `fast`, `balanced` and `cautious` allow 1.5, 2 and 3 times the silence that 99 % of healthy calls stay
 * under; `fixed` learns nothing and uses the table as a timer of the whole request.
 */
export type TimeoutProfile = 'fast' | 'balanced' | 'cautious' | 'fixed';

/** What tunes the learning. Each profile sets all; options of `AdaptiveTimeouts` override single ones. */
export interface Tuning {
  /** Multiple of the quantile that is allowed. */
  readonly margin: number;
  /** Share of the calls that end on their own whose silence the quantile covers. */
  readonly quantile: number;
  /** Complete samples at which the learned value weighs as much as the table. */
  readonly blendAfter: number;
  /** Samples kept per phase and key. */
  readonly window: number;
  /** Factor of the back-off after a time-out. */
  readonly backoffUp: number;
  /** Factor of the back-off after a success. */
  readonly backoffDown: number;
  /** Largest back-off. */
  readonly backoffMax: number;
  /** Share of the calls that run with the ceiling, so that the tail stays visible. */
  readonly explore: number;
  /** First-token budget before anything is learned, as a share of the table's entry. */
  readonly firstShare: number;
  /** Budget of the other phases before anything is learned, as a share of the table's entry. */
  readonly idleShare: number;
}

// Tuned on the bench's trace (a), seeds 1 to 6. `firstShare` lets a thinking model's first token take 310 s before anything is
// known, `idleShare` a reasoning pause of 150 s; `blendAfter` below 60 kills more than 1 in 1,000 of the first 200 calls. `explore` and
// `backoffDown` were compared on seeds 1 to 24: mean detection 46 to 50 s, p95 137 to 159 s in groups of six.
const BALANCED: Tuning = {
  margin: 2,
  quantile: 0.99,
  blendAfter: 70,
  window: 400,
  backoffUp: 2,
  backoffDown: 0.7,
  backoffMax: 8,
  explore: 0.002,
  firstShare: 0.87,
  idleShare: 0.42,
};

/** The tuning of each learning profile. Figures of each: `npm run bench:timeouts`. */
export const TUNINGS: Readonly<Record<Exclude<TimeoutProfile, 'fixed'>, Tuning>> = {
  fast: { ...BALANCED, margin: 1.5 },
  balanced: BALANCED,
  cautious: { ...BALANCED, margin: 3 },
};
