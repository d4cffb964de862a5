import { draw, type Distribution } from './distribution.ts';
import type { PlannedCall } from './driver.ts';
import { createRandom, type Random } from './random.ts';
import { DEFAULT_DEADLINE_MS, type MixEntry, type Scenario } from './scenario.ts';

interface Card {
  entry: number;
  provider: string | undefined;
}

/** A forced time-out gives the server half of the time that the call needs. */
const FORCED_SHARE = 0.5;
const FORCED_DECK = 20;
const PROMPT = 'In one sentence: what does a semaphore protect?';

/** Deals the calls of a run in the proportions of its mix; the same seed deals the same calls in the same order. */
export class CallSource {
  readonly #scenario: Scenario;
  readonly #cards: readonly Card[];
  readonly #order: Random;
  readonly #times: Random;
  readonly #service: (Distribution | undefined)[];
  readonly #arguments = new Map<string, PlannedCall['arguments']>();
  #deck: Card[] = [];
  #forced: boolean[] = [];

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    this.#cards = cardsOf(scenario.mix);
    this.#order = createRandom(seed, 'mix');
    this.#times = createRandom(seed, 'service');
    this.#service = scenario.mix.map((entry) => entry.service);
  }

  /** Deals the next call. */
  next(): PlannedCall {
    return this.#plan(this.#draw());
  }

  /** Deals a call of one entry, as a trace asks for it. */
  of(entry: number, serviceMs?: number): PlannedCall {
    const card = this.#cards.find((candidate) => candidate.entry === entry);
    return this.#plan(card ?? { entry, provider: undefined }, serviceMs);
  }

  #draw(): Card {
    if (this.#scenario.mixMode === 'iid') return this.#cards[this.#order.below(this.#cards.length)] ?? NO_CARD;
    if (this.#deck.length === 0) this.#deck = this.#order.shuffle([...this.#cards]);
    return this.#deck.pop() ?? NO_CARD;
  }

  #plan({ entry, provider }: Card, given?: number): PlannedCall {
    const { mix } = this.#scenario;
    const { tool = '', deadlineMs: longest = DEFAULT_DEADLINE_MS, arguments: own } = mix[entry] ?? {};
    const service = this.#service[entry];
    const serviceMs = given ?? (service && draw(service, this.#times));
    const forcedTimeout = serviceMs !== undefined && this.#isForced();
    const call: PlannedCall = {
      entry,
      tool,
      deadlineMs: forcedTimeout ? serviceMs * FORCED_SHARE : longest,
      forcedTimeout,
      arguments: serviceMs === undefined ? this.#argumentsOf(entry, provider) : argumentsFor(provider, serviceMs, own),
    };
    if (provider !== undefined) call.provider = provider;
    if (serviceMs !== undefined) call.serviceMs = serviceMs;
    return call;
  }

  /** Calls that ask for no service time of their own have the same arguments again and again. */
  #argumentsOf(entry: number, provider: string | undefined): PlannedCall['arguments'] {
    const key = `${entry} ${provider ?? ''}`;
    let known = this.#arguments.get(key);
    if (!known) {
      known = argumentsFor(provider, undefined, this.#scenario.mix[entry]?.arguments);
      this.#arguments.set(key, known);
    }
    return known;
  }

  #isForced(): boolean {
    const share = this.#scenario.forcedTimeouts ?? 0;
    if (share === 0) return false;
    if (this.#forced.length === 0) {
      const forced = Math.max(1, Math.round(share * FORCED_DECK));
      this.#forced = this.#order.shuffle(Array.from({ length: FORCED_DECK }, (_, index) => index < forced));
    }
    return this.#forced.pop() ?? false;
  }
}

function argumentsFor(
  provider: string | undefined,
  serviceMs: number | undefined,
  own: MixEntry['arguments'],
): PlannedCall['arguments'] {
  return {
    prompt: PROMPT,
    ...(provider !== undefined && { provider }),
    ...(serviceMs !== undefined && { simulate: { serviceMs } }),
    ...own,
  };
}

const NO_CARD: Card = { entry: 0, provider: undefined };

/** The smallest deck, of 100 to 1000 cards, in which every share is a whole number; the largest one rounded otherwise. */
function cardsOf(mix: readonly MixEntry[]): Card[] {
  const shares = mix.flatMap(({ weight, providers }, entry) =>
    Object.entries(providers ?? { '': 100 }).map(([provider, share]) => ({
      card: { entry, provider: provider === '' ? undefined : provider },
      share: (weight * share) / 100,
    })),
  );
  const sizes = Array.from({ length: 10 }, (_, index) => index + 1);
  const fits = (size: number): boolean => shares.every(({ share }) => isWhole(share * size));
  const size = sizes.find(fits) ?? 10;
  return shares.flatMap(({ card, share }) =>
    Array.from({ length: Math.max(share > 0 ? 1 : 0, Math.round(share * size)) }, () => card),
  );
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-9;
}
