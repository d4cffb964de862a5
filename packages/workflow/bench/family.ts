/**
 * What a family of scripted agents is. A family file in `bench/late-families/` has a default export: one {@link Family}
 * or a list of them; every file found there is loaded. A family knows nothing of any controller: it describes how an
 * agent behaves, what its tools answer and what is true.
 */

/** Random numbers from a seed: the same seed gives the same run. */
export interface Rng {
  /** 0 ≤ x < 1. */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
}

/** A confidence word. */
export type Level = 'exploring' | 'low' | 'medium' | 'high' | 'very_high' | 'almost_certain' | 'certain';

/** What the agent says about its work beside (or instead of) calling tools. */
export interface Report {
  readonly confidence: Level;
  /** True: "finished", that is `next_step_required: false`. */
  readonly done: boolean;
  readonly findings: string;
  /** Sources it refers to, for a requirement or in general. They may be wrong or invented. */
  readonly cites: readonly { readonly requirement?: string; readonly source: string }[];
}

/** One turn of the agent. Neither calls nor report nor text is an empty turn. */
export interface Move {
  readonly calls: readonly { readonly name: string; readonly args: Readonly<Record<string, unknown>> }[];
  readonly report?: Report;
  readonly text?: string;
}

/** What a tool answers. */
export interface Answer {
  readonly content: string;
  /** Canonical identity of where it comes from (a file, a folder, a test suite), never the question itself. */
  readonly source: string;
  readonly isError?: boolean;
}

/** What the agent learns before a turn. */
export interface View {
  /** 0 for the first turn. */
  readonly turn: number;
  /** Messages from the controller since the last turn (requests to verify, to change the strategy, to finish). */
  readonly told: readonly string[];
}

/** One run of a family: an agent with its tools and the truth. Stateful; used once. */
export interface Scenario {
  readonly turn: (view: View) => Move;
  readonly tool: (name: string, args: Readonly<Record<string, unknown>>) => Answer;
  /** What must be shown, and the sources that really show it. */
  readonly requirements: readonly { readonly id: string; readonly sources: readonly string[] }[];
  /** Whether everything needed has been seen by now. */
  readonly isSufficient: () => boolean;
  /** Whether this agent can get there at all, given the right word at the right time. */
  readonly reachable: boolean;
  /** First turn without progress, for a loop family; known once it has begun. */
  readonly onset?: () => number | undefined;
}

/** A kind of agent. */
export interface Family {
  readonly name: string;
  /** `solvable`: gets there if it is let. `loop`: stops making progress at some turn. */
  readonly kind: 'solvable' | 'loop';
  /** Its false claims of being done cite nothing, or something that was never seen. */
  readonly uncited?: boolean;
  /** Tools the agent uses; `poll` gives the time (ms) repeating a call is legitimate waiting. */
  readonly tools: readonly { readonly name: string; readonly poll?: number }[];
  readonly make: (rng: Rng) => Scenario;
}

/** Random numbers from a seed (mulberry32). */
export function seeded(seed: number): Rng {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    int: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
  };
}
