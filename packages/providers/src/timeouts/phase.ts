/**
 * Where an attempt stands. `connect`: until the request is on the wire · `first`: until the first semantic delta ·
 * `reasoning`, `text`, `tool-args`: after a delta of that kind · `server-tool`: while the provider runs a tool of its own ·
 * `total`: the whole attempt.
 */
export type Phase = 'connect' | 'first' | 'reasoning' | 'text' | 'tool-args' | 'server-tool' | 'total';

/** Every phase, in the order of a call. */
export const PHASES: readonly Phase[] = ['connect', 'first', 'reasoning', 'text', 'tool-args', 'server-tool', 'total'];

/**
 * Where a budget comes from. `seed`: the table, nothing learned yet · `learned` · `backoff`: raised after time-outs ·
 * `explore`: the ceiling, to see the tail · `deadline`: what is left of the call · `fixed`: the table as whole-request timer.
 */
export type BudgetSource = 'seed' | 'learned' | 'backoff' | 'explore' | 'deadline' | 'fixed';

/** What is learned apart from what: one estimate per distinct key. */
export interface TimeoutKey {
  readonly provider: string;
  readonly model: string;
  /** Base URL, account, or both, where the same model behaves differently. */
  readonly endpoint?: string;
  /** True, or the effort by name, when the model reasons before it answers. */
  readonly thinking?: boolean | string;
  readonly webSearch?: boolean;
  readonly tools?: boolean;
  readonly vision?: boolean;
  /** True when the provider sends a tool call's arguments in one piece, after a silence. */
  readonly bufferedArgs?: boolean;
}

/** What this one call adds to its key. */
export interface TimeoutContext {
  /** Uncached prompt tokens, known or estimated; long prompts get a longer `first` budget. */
  readonly promptTokens?: number;
  /** Upper bound of the answer; raises `total` where the pace learned says that it may take longer. */
  readonly maxTokens?: number;
  /** Epoch milliseconds; no budget passes it. */
  readonly deadlineAt?: number;
}

/** Longest silence tolerated in each phase, in milliseconds (`Infinity`: none), and for `total` the longest attempt. */
export interface PhaseBudgets extends Readonly<Record<Phase, number>> {
  readonly source: Readonly<Record<Phase, BudgetSource>>;
  /** Silence after which `stalled` is emitted, per phase, in milliseconds. Always before the budget. */
  readonly stalled: Readonly<Record<Phase, number>>;
  /** How much longer this prompt's `first` phase may be than a short one's; 1 or more. */
  readonly size: number;
  /** Epoch milliseconds, as asked. */
  readonly deadlineAt?: number;
  /** True when the deadline leaves less than a median first token needs: do not send. */
  readonly hopeless: boolean;
}

/**
 * What was seen of one phase of one attempt: the longest silence in it. `censored` says that it would have been longer:
 * `timeout` (our timer), `deadline`, `abort` (the caller), `hedge` (the other attempt won).
 */
export interface Observation {
  readonly phase: Phase;
  readonly ms: number;
  readonly censored?: 'timeout' | 'deadline' | 'abort' | 'hedge';
  /** `PhaseBudgets.size` of the attempt; 1 by default. */
  readonly size?: number;
}
