import type { CallEnd } from './driver.ts';

/** What a run may cost at most. */
export interface SpendLimit {
  /** US dollars. */
  maxUsd: number;
  /** Dollars per million tokens where the target names no cost. @defaultValue 20 */
  usdPerMtok?: number;
  /** Tokens of a call whose usage nobody tells, answer and prompt together. @defaultValue 4_000 */
  tokensPerCall?: number;
}

/** The dearest output price of the models that the server knows. Source: price list of kimi-k3.1-pro-highspeed, November 2026. */
export const DEFAULT_USD_PER_MTOK = 20;
/** See {@link SpendLimit.tokensPerCall}. */
export const TOKENS_PER_CALL = 4000;

/** What a run has cost. */
export interface Spend {
  limitUsd: number;
  usd: number;
  /** True when the limit ended the load. */
  stopped: boolean;
}

/** Adds up what calls cost: as the target tells it, else by tokens and price, else by an estimate that is meant to be too high. */
export class SpendMeter {
  readonly #limit: SpendLimit;
  #usd = 0;
  #calls = 0;
  #stopped = false;

  constructor(limit: SpendLimit) {
    this.#limit = limit;
  }

  get spend(): Spend {
    return { limitUsd: this.#limit.maxUsd, usd: this.#usd, stopped: this.#stopped };
  }

  /** Adds an ended call; true when those still in flight, at the cost so far, use up what is left. */
  add(end: CallEnd, tokens: number, inFlight: number): boolean {
    const { maxUsd, usdPerMtok = DEFAULT_USD_PER_MTOK, tokensPerCall = TOKENS_PER_CALL } = this.#limit;
    const isUnsent = end.outcome === 'connect_failed' || end.outcome === 'rejected';
    const known = end.tokens ?? (isUnsent ? 0 : Math.max(tokens, tokensPerCall));
    this.#usd += end.usd ?? (known * usdPerMtok) / 1e6;
    this.#calls += 1;
    if (this.#usd + (inFlight * this.#usd) / this.#calls < maxUsd) return false;
    this.#stopped = true;
    return true;
  }
}
