import type { Clock } from './clock.ts';
import { explainPhase, type Explanation, type PhaseExplanation } from './explanation.ts';
import { KeyTimes, SILENT_PHASES, type SilentPhase } from './key-times.ts';
import type { BudgetSource, Observation, Phase, PhaseBudgets, TimeoutContext, TimeoutKey } from './phase.ts';
import type { TimeoutProfile } from './profile.ts';
import { type Estimate, SilenceEstimator } from './silence-estimator.ts';
import { readSettings, type TimeoutOptions, type TimeoutSettings } from './timeout-settings.ts';
import { readSnapshot, type TimeoutSnapshot } from './timeout-snapshot.ts';
import { type TimeoutTable, tableEntry } from './timeout-table.ts';
import { Watchdog } from './watchdog.ts';

export type { TimeoutOptions } from './timeout-settings.ts';

/** Time to open a connection, in milliseconds. */
const CONNECT_MS = 10_000;
/** Pace assumed before one is known, in milliseconds per token; slower than either provider when degraded. */
const SLOW_PACE_MS = 200;
const TOTAL_MARGIN = 1.5;
/** Where no silence is learned, a stall is told of at this share of the budget. */
const STALLED_SHARE = 0.5;

/**
 * Learns how long a healthy silence lasts, per endpoint, model and mode, and hands out budgets for each phase of a call.
 *
 * Budgets start at the table, move to a multiple of the learned quantile as samples arrive, double after a time-out and
 * never pass the table. Samples that were cut short count as "at least this long". It holds no timers; see {@link Watchdog}.
 */
export class AdaptiveTimeouts {
  /** The ceilings in force, scaled. */
  readonly table: TimeoutTable;
  readonly profile: TimeoutProfile;
  readonly clock: Clock;
  readonly #settings: TimeoutSettings;
  readonly #onObserve: TimeoutOptions['onObserve'];
  readonly #keys = new Map<string, KeyTimes>();
  readonly #estimator: SilenceEstimator;

  /** @throws RangeError when an option is out of range. */
  constructor(options: TimeoutOptions = {}) {
    this.#settings = readSettings(options);
    this.#onObserve = options.onObserve;
    this.table = this.#settings.table;
    this.profile = this.#settings.profile;
    this.clock = this.#settings.clock;
    this.#estimator = new SilenceEstimator(this.#settings, this.#keys);
  }

  /** Budgets for one attempt. */
  budgets(key: TimeoutKey, context: TimeoutContext = {}): PhaseBudgets {
    if (this.profile === 'fixed') return this.#fixed(key, context);
    const size = this.#estimator.sizeOf(context.promptTokens ?? 0);
    const times = this.#times(key);
    const explore = this.#settings.random() < this.#settings.tuning.explore;
    const ms: Record<Phase, number> = blank(Number.POSITIVE_INFINITY);
    const source: Record<Phase, BudgetSource> = blank<BudgetSource>('seed');
    const stalled: Record<Phase, number> = blank(Number.POSITIVE_INFINITY);
    ms.connect = Math.min(CONNECT_MS * this.#settings.timeScale, tableEntry(this.table, key));
    stalled.connect = ms.connect * STALLED_SHARE;
    for (const phase of SILENT_PHASES) {
      const estimate: Estimate = explore
        ? { ms: this.#estimator.ceiling(key, phase, size), source: 'explore' }
        : this.#estimator.estimate(times, phase, size);
      ms[phase] = estimate.ms;
      source[phase] = estimate.source;
      stalled[phase] = this.#estimator.stalledAt(times, phase, size, estimate.ms);
    }
    const total = this.#total(times, ms.first, context.maxTokens);
    ms.total = total.ms;
    source.total = total.source;
    const hopeless = this.#isHopeless(context.deadlineAt, this.#estimator.quantile(times, 'first', 0.5, size));
    return { ...ms, source, stalled, size, hopeless, ...deadlineOf(context) };
  }

  /** Starts a {@link Watchdog} with budgets for one attempt; what it sees is learned when it ends. */
  watch(key: TimeoutKey, context: TimeoutContext = {}, options: { readonly phase?: Phase } = {}): Watchdog {
    return new Watchdog(this.budgets(key, context), {
      clock: this.clock,
      onEnd: (seen) => this.observe(key, ...seen),
      ...options,
    });
  }

  /** Learns from what was seen of one attempt. A retry is an attempt of its own. */
  observe(key: TimeoutKey, ...seen: readonly Observation[]): void {
    if (seen.length === 0) return;
    this.#onObserve?.(key, seen);
    if (this.profile === 'fixed') return;
    const times = this.#times(key);
    for (const one of seen) if (one.phase !== 'connect') this.#learn(times, one);
  }

  /** Says what is known of a key and why its budgets are what they are. Draws no random number. */
  explain(key: TimeoutKey, context: TimeoutContext = {}): Explanation {
    const size = this.#estimator.sizeOf(context.promptTokens ?? 0);
    const times = this.#keys.get(KeyTimes.id(key)) ?? new KeyTimes(key, this.#settings.tuning.window);
    const explained = (phase: SilentPhase): PhaseExplanation =>
      explainPhase(this.#settings, this.#estimator, times, { phase, size });
    return {
      first: explained('first'),
      reasoning: explained('reasoning'),
      text: explained('text'),
      'tool-args': explained('tool-args'),
      'server-tool': explained('server-tool'),
    };
  }

  /** Bytes of sample storage of one key. */
  bytesOf(key: TimeoutKey): number {
    return this.#keys.get(KeyTimes.id(key))?.bytes ?? 0;
  }

  /** Everything learned, as plain data, so that a short-lived process can start warm. */
  snapshot(): TimeoutSnapshot {
    const keys = [...this.#keys.values()].map((times) => ({
      key: times.key,
      phases: times.seen().map((phase) => {
        const { silences, backoff } = times.of(phase);
        return { phase, backoff, samples: silences.values() };
      }),
    }));
    return { version: 1, keys };
  }

  /**
   * Takes over what `snapshot()` gave. Its samples count half: every second one in order of length is kept.
   *
   * @throws RangeError when it is not a snapshot of version 1.
   */
  restore(snapshot: unknown): void {
    for (const { key, phases } of readSnapshot(snapshot).keys) {
      const times = this.#times(key);
      for (const { phase, backoff, samples } of phases) {
        const target = times.of(phase);
        target.backoff = Math.min(backoff, this.#settings.tuning.backoffMax);
        for (const value of halved(samples)) target.silences.add(Math.abs(value), value < 0);
      }
    }
  }

  #times(key: TimeoutKey): KeyTimes {
    const id = KeyTimes.id(key);
    const times = this.#keys.get(id) ?? new KeyTimes(key, this.#settings.tuning.window);
    // A map keeps the order of insertion, so that the first is the one unused longest.
    this.#keys.delete(id);
    this.#keys.set(id, times);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > this.#settings.maxKeys && oldest !== undefined) this.#keys.delete(oldest);
    return times;
  }

  #learn(times: KeyTimes, one: Observation): void {
    const { backoffMax, backoffUp, backoffDown } = this.#settings.tuning;
    const state = times.of(one.phase);
    const ms = one.phase === 'first' ? one.ms / (one.size ?? 1) : one.ms;
    if (one.censored === 'timeout') {
      state.backoff = Math.min(backoffMax, state.backoff * backoffUp);
    } else if (one.censored === undefined) {
      state.backoff = Math.max(1, state.backoff * backoffDown);
    } else if (one.censored === 'abort' && ms <= (state.silences.quantile(0.5) ?? 0)) {
      // People abort for many reasons; only an abort after a long silence says something about silence.
      return;
    }
    state.silences.add(ms, one.censored !== undefined);
  }

  #total(times: KeyTimes, firstMs: number, maxTokens: number | undefined): Estimate {
    const { totalMs, tuning, timeScale } = this.#settings;
    if (totalMs !== undefined) return { ms: totalMs, source: 'fixed' };
    if (maxTokens === undefined) return { ms: Number.POSITIVE_INFINITY, source: 'seed' };
    const pace = times.peek('total')?.silences.quantile(tuning.quantile);
    const tokensMs = maxTokens * Math.max(pace ?? 0, SLOW_PACE_MS * timeScale);
    return {
      ms: TOTAL_MARGIN * Math.max(tableEntry(this.table, times.key), firstMs + tokensMs),
      source: pace === undefined ? 'seed' : 'learned',
    };
  }

  #fixed(key: TimeoutKey, context: TimeoutContext): PhaseBudgets {
    const total = this.#settings.totalMs ?? tableEntry(this.table, key);
    return {
      ...blank(Number.POSITIVE_INFINITY),
      total,
      source: blank<BudgetSource>('fixed'),
      stalled: blank(total * STALLED_SHARE),
      size: this.#estimator.sizeOf(context.promptTokens ?? 0),
      hopeless: this.#isHopeless(context.deadlineAt, undefined),
      ...deadlineOf(context),
    };
  }

  #isHopeless(deadlineAt: number | undefined, medianMs: number | undefined): boolean {
    if (deadlineAt === undefined) return false;
    const left = deadlineAt - this.clock.epoch();
    return left <= 0 || left < (medianMs ?? 0);
  }
}

function deadlineOf({ deadlineAt }: TimeoutContext): { readonly deadlineAt?: number } {
  return deadlineAt === undefined ? {} : { deadlineAt };
}

/** Every second sample in order of length, complete and cut short apart, so that the shape stays. */
function halved(samples: readonly number[]): number[] {
  const keep = (some: number[]): number[] =>
    some.sort((a, b) => Math.abs(a) - Math.abs(b)).filter((_, i) => i % 2 === 1 || i === some.length - 1);
  return [...keep(samples.filter((ms) => ms < 0)), ...keep(samples.filter((ms) => ms >= 0))];
}

function blank<T>(value: T): Record<Phase, T> {
  return {
    connect: value,
    first: value,
    reasoning: value,
    text: value,
    'tool-args': value,
    'server-tool': value,
    total: value,
  };
}
