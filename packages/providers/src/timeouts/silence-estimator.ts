import type { KeyTimes, SilentPhase } from './key-times.ts';
import type { BudgetSource, Phase, TimeoutKey } from './phase.ts';
import type { SurvivalWindow } from './survival-window.ts';
import type { TimeoutSettings } from './timeout-settings.ts';
import { tableEntry } from './timeout-table.ts';

/** A budget and where it comes from. */
export interface Estimate {
  readonly ms: number;
  readonly source: BudgetSource;
}

interface Learned {
  readonly ms: number;
  /** Between 0 (nothing known) and 1. */
  readonly weight: number;
}

/** Shortest budgets, in milliseconds: below these a lost packet or a collection of garbage would look like a hang. */
const FLOORS: Readonly<Record<SilentPhase, number>> = {
  first: 8000,
  reasoning: 8000,
  text: 6000,
  'tool-args': 8000,
  'server-tool': 8000,
};
/** Prompt size up to which the table's entry is the ceiling of the first token. */
const CEILING_TOKENS = 32_000;
/** Multiple of `blendAfter` from which a key's own samples leave nothing for its siblings to say. */
const ENOUGH = 5;
/** Most that related keys may weigh against the table. */
const RELATED_WEIGHT = 0.5;
const STALLED_QUANTILE = 0.95;
/** `stalled` comes no earlier and no later than these shares of the budget. */
const STALLED_LEAST = 0.4;
const STALLED_MOST = 0.75;

/** Turns what was seen of silences into budgets: quantile, blend, back-off, floor and ceiling. It changes nothing. */
export class SilenceEstimator {
  readonly #settings: TimeoutSettings;
  readonly #keys: ReadonlyMap<string, KeyTimes>;

  /** @param keys All keys known, to start a new one from those related to it. */
  constructor(settings: TimeoutSettings, keys: ReadonlyMap<string, KeyTimes>) {
    this.#settings = settings;
    this.#keys = keys;
  }

  /** How much longer the first token of a prompt may take than that of a short one. */
  sizeOf(promptTokens: number): number {
    return 1 + Math.max(0, promptTokens) / this.#settings.tokensPerDoubling;
  }

  /** Longest budget of a phase, in milliseconds. */
  ceiling(key: TimeoutKey, phase: SilentPhase, size: number): number {
    const entry = tableEntry(this.#settings.table, key);
    return phase === 'first' ? entry * Math.max(1, size / this.sizeOf(CEILING_TOKENS)) : entry;
  }

  /** Shortest budget of a phase, in milliseconds. */
  floor(key: TimeoutKey, phase: SilentPhase): number {
    return Math.min(FLOORS[phase] * this.#settings.timeScale, tableEntry(this.#settings.table, key));
  }

  /** The budget of a phase. */
  estimate(times: KeyTimes, phase: SilentPhase, size: number): Estimate {
    const scale = scaleOf(phase, size);
    const state = times.peek(phase);
    const before = this.#before(times, phase, scale);
    const learned = this.#learned(state?.silences, scale);
    const blended = learned === undefined ? before : blend(learned, before.ms);
    const backoff = state?.backoff ?? 1;
    const least = Math.max(this.floor(times.key, phase), blended.ms * backoff);
    return {
      ms: Math.min(this.ceiling(times.key, phase, size), least),
      source: backoff > 1 ? 'backoff' : blended.source,
    };
  }

  /** A quantile of the silences of a phase for a prompt size, if anything complete was seen. */
  quantile(times: KeyTimes, phase: Phase, q: number, size: number): number | undefined {
    const ms = times.peek(phase)?.silences.quantile(q);
    return ms === undefined ? undefined : ms * scaleOf(phase, size);
  }

  /** The silence after which to tell of a stall. */
  stalledAt(times: KeyTimes, phase: SilentPhase, size: number, budgetMs: number): number {
    const usual = this.quantile(times, phase, STALLED_QUANTILE, size) ?? Number.POSITIVE_INFINITY;
    return Math.min(Math.max(usual, budgetMs * STALLED_LEAST), budgetMs * STALLED_MOST);
  }

  /** What is expected of a key before it has samples of its own: its siblings', else the table's. */
  #before(times: KeyTimes, phase: SilentPhase, scale: number): Estimate {
    const { firstShare, idleShare, blendAfter } = this.#settings.tuning;
    const entry = tableEntry(this.#settings.table, times.key);
    const seed: Estimate = { ms: entry * (phase === 'first' ? firstShare : idleShare), source: 'seed' };
    const own = times.peek(phase)?.silences.events ?? 0;
    if (own >= blendAfter * ENOUGH) return seed;
    let estimate = seed;
    for (const related of [isSameProvider, isSameModel]) {
      const learned = this.#pooled(times, phase, scale, related);
      if (learned !== undefined) estimate = blend(learned, estimate.ms);
    }
    return estimate;
  }

  /** The mean, in log space and by weight, of what related keys learned. */
  #pooled(
    times: KeyTimes,
    phase: SilentPhase,
    scale: number,
    related: (a: TimeoutKey, b: TimeoutKey) => boolean,
  ): Learned | undefined {
    let weight = 0;
    let logs = 0;
    for (const other of this.#keys.values()) {
      if (other === times || !related(other.key, times.key)) continue;
      const learned = this.#learned(other.peek(phase)?.silences, scale);
      if (learned === undefined) continue;
      weight += learned.weight;
      logs += learned.weight * Math.log(learned.ms);
    }
    return weight === 0 ? undefined : { ms: Math.exp(logs / weight), weight: Math.min(weight, RELATED_WEIGHT) };
  }

  #learned(silences: SurvivalWindow | undefined, scale: number): Learned | undefined {
    const { quantile, margin, blendAfter } = this.#settings.tuning;
    const q = silences?.quantile(quantile);
    if (silences === undefined || q === undefined) return undefined;
    return { ms: margin * q * scale, weight: silences.events / (silences.events + blendAfter) };
  }
}

/** Only the first token's time grows with the prompt. */
function scaleOf(phase: Phase, size: number): number {
  return phase === 'first' ? size : 1;
}

function blend(learned: Learned, beforeMs: number): Estimate {
  const ms = Math.exp(learned.weight * Math.log(learned.ms) + (1 - learned.weight) * Math.log(beforeMs));
  return { ms, source: 'learned' };
}

function isSameProvider(a: TimeoutKey, b: TimeoutKey): boolean {
  return (
    a.provider === b.provider &&
    (a.thinking ?? false) === (b.thinking ?? false) &&
    (a.webSearch ?? false) === (b.webSearch ?? false) &&
    (a.bufferedArgs ?? false) === (b.bufferedArgs ?? false)
  );
}

function isSameModel(a: TimeoutKey, b: TimeoutKey): boolean {
  return a.model === b.model && isSameProvider(a, b);
}
