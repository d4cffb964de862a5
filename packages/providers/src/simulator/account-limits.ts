import { glmError, kimiError, type WireError } from './dialect.ts';
import type { SimulatedProvider } from './persona-reply.ts';

/** What an account may do at once, per minute and per day. What is left out is not limited. */
export interface AccountLimits {
  readonly concurrency?: number;
  /** Counts `concurrency` for each model apart, as GLM does. @defaultValue false */
  readonly perModel?: boolean;
  readonly requestsPerMinute?: number;
  /** Charged with the prompt plus the largest answer asked for, as Kimi does. */
  readonly tokensPerMinute?: number;
  readonly tokensPerDay?: number;
}

/** Kimi's tiers by cumulative recharge: $1, $10, $20, $100, $1,000 and $3,000. Source: Moonshot's page on limits. */
export const KIMI_TIERS: readonly AccountLimits[] = [
  { concurrency: 1, requestsPerMinute: 3, tokensPerMinute: 500_000, tokensPerDay: 1_500_000 },
  { concurrency: 50, requestsPerMinute: 200, tokensPerMinute: 2_000_000 },
  { concurrency: 100, requestsPerMinute: 500, tokensPerMinute: 3_000_000 },
  { concurrency: 200, requestsPerMinute: 5000, tokensPerMinute: 3_000_000 },
  { concurrency: 400, requestsPerMinute: 5000, tokensPerMinute: 4_000_000 },
  { concurrency: 1000, requestsPerMinute: 10_000, tokensPerMinute: 5_000_000 },
];

/** The call that wants in. */
export interface LimitAsk {
  readonly provider: SimulatedProvider;
  readonly account: string;
  readonly model: string;
  readonly tokens: number;
}

interface Charge {
  readonly at: number;
  readonly tokens: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Keeps accounts within their limits. Minutes and days pass in simulated time. */
export class AccountGate {
  readonly #limits: Readonly<Record<SimulatedProvider, AccountLimits>>;
  readonly #timeScale: number;
  readonly #running = new Map<string, number>();
  readonly #charges = new Map<string, Charge[]>();

  constructor(limits: Readonly<Record<SimulatedProvider, AccountLimits>>, timeScale: number) {
    this.#limits = limits;
    this.#timeScale = timeScale;
  }

  /** Admits a call, and returns what frees its place, or the refusal in the provider's words. */
  admit(ask: LimitAsk): (() => void) | WireError {
    const limits = this.#limits[ask.provider];
    const place = `${ask.provider} ${ask.account}${limits.perModel === true ? ` ${ask.model}` : ''}`;
    const running = this.#running.get(place) ?? 0;
    if (running >= (limits.concurrency ?? Number.POSITIVE_INFINITY)) return tooMany(ask.provider, limits);
    const overdrawn = this.#overdraw(ask, limits);
    if (overdrawn !== undefined) return overdrawn;
    this.#running.set(place, running + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#running.set(place, (this.#running.get(place) ?? 1) - 1);
    };
  }

  #overdraw(ask: LimitAsk, limits: AccountLimits): WireError | undefined {
    const { requestsPerMinute, tokensPerMinute, tokensPerDay } = limits;
    if (requestsPerMinute === undefined && tokensPerMinute === undefined && tokensPerDay === undefined)
      return undefined;
    const now = performance.now() / this.#timeScale;
    const account = `${ask.provider} ${ask.account}`;
    const day = (this.#charges.get(account) ?? []).filter(({ at }) => now - at < DAY_MS);
    const minute = day.filter(({ at }) => now - at < MINUTE_MS);
    if (minute.length >= (requestsPerMinute ?? Number.POSITIVE_INFINITY)) {
      return reached(ask.provider, `max RPM: ${requestsPerMinute}`);
    }
    if (sum(minute) + ask.tokens > (tokensPerMinute ?? Number.POSITIVE_INFINITY)) {
      return reached(ask.provider, `max TPM: ${tokensPerMinute}`);
    }
    if (sum(day) + ask.tokens > (tokensPerDay ?? Number.POSITIVE_INFINITY)) {
      return reached(ask.provider, `max TPD: ${tokensPerDay}`);
    }
    this.#charges.set(account, [...day, { at: now, tokens: ask.tokens }]);
    return undefined;
  }
}

function sum(charges: readonly Charge[]): number {
  return charges.reduce((total, { tokens }) => total + tokens, 0);
}

function tooMany(provider: SimulatedProvider, limits: AccountLimits): WireError {
  if (provider === 'glm') {
    return glmError(
      429,
      '1302',
      'High concurrency usage of this API, please reduce concurrency or contact customer service to increase limits',
    );
  }
  return reached('kimi', `max organization concurrency: ${limits.concurrency}`);
}

function reached(provider: SimulatedProvider, which: string): WireError {
  if (provider === 'glm') return glmError(429, '1302', `Rate limit reached for requests (${which})`);
  return kimiError(429, 'rate_limit_reached_error', `Your account reached ${which}, please try again after 1 seconds`);
}
