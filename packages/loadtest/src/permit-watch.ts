import { systemClock, sleep, type Cancel, type Clock } from './clock.ts';
import { parsePrometheus, type MetricSample } from './prometheus-text.ts';
import type { PermitAudit, PermitSample } from './run-result.ts';

/** Where permits are read and how often. */
export interface PermitWatchOptions {
  /** Named in the report. */
  url: string;
  /** Returns the metrics page. */
  read: () => Promise<string>;
  /** @defaultValue 500 */
  everyMs?: number;
  /** Longest wait for the last permits after the drain, in milliseconds. @defaultValue 5_000 */
  settleLimitMs?: number;
  /** @defaultValue the machine's clock */
  clock?: Clock;
  /** Samples kept for the report. @defaultValue 600 */
  maxSamples?: number;
}

const FAMILIES = {
  mcp_semaphore_capacity: 'capacity',
  mcp_semaphore_current_value: 'current',
  mcp_semaphore_expected_value: 'expected',
  mcp_semaphore_in_use: 'inUse',
} as const;

type TierReading = PermitSample['tiers'][number];

/**
 * Reads the target's permits during a run and holds them against the law of conservation: what is free and what is in use
 * are the capacity, nothing is ever free that nobody gave back, and after the drain nothing is in use.
 */
export class PermitWatch {
  readonly #options: PermitWatchOptions;
  readonly #clock: Clock;
  readonly #samples: PermitSample[] = [];
  readonly #violations: PermitAudit['violations'] = [];
  #now: () => number = () => 0;
  #timer: Cancel | undefined;
  #running = false;
  #scrapes = 0;
  #failed = 0;
  #overCapacity = 0;
  #last: MetricSample[] = [];
  #first: MetricSample[] | undefined;
  readonly #counters: { atMs: number; leaks: number; recoveries: number }[] = [];

  constructor(options: PermitWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Begins to read; `now` is the run's own time. */
  start(now: () => number): void {
    this.#now = now;
    this.#running = true;
    this.#turn();
  }

  /** Reads on until the permits are at rest, or for the limit. */
  async settle(stepMs: number, isRepaired: () => boolean = () => true): Promise<void> {
    this.#running = false;
    this.#timer?.();
    const until = this.#clock.now() + (this.#options.settleLimitMs ?? 5000);
    for (;;) {
      await this.scrape();
      if ((this.#isAtRest() && isRepaired()) || this.#clock.now() >= until) return;
      await sleep(this.#clock, stepMs);
    }
  }

  /** One reading, at once. */
  async scrape(): Promise<void> {
    this.#scrapes += 1;
    try {
      this.#take(parsePrometheus(await this.#options.read()));
    } catch {
      this.#failed += 1;
    }
  }

  /** Leaks found and recoveries completed (status `success`) by the target, as it counts them, over time. */
  get counters(): readonly { atMs: number; leaks: number; recoveries: number }[] {
    return this.#counters;
  }

  /** Everything seen so far. */
  audit(): PermitAudit {
    const tiers = this.#samples.at(-1)?.tiers ?? [];
    const violations = [...this.#violations];
    for (const tier of tiers) {
      if (tier.inUse === 0) continue;
      const detail = `${nameOf(tier)}: in_use ${tier.inUse}`;
      violations.push({ atMs: this.#now(), rule: 'after the drain nothing is in use', detail });
    }
    const leaks = tiers.reduce((worst, { expected, current }) => Math.max(worst, expected - current), 0);
    return {
      url: this.#options.url,
      scrapes: this.#scrapes,
      failedScrapes: this.#failed,
      samples: this.#samples,
      violations,
      leaks,
      leaksDetected: this.#grown('mcp_semaphore_leaks_detected_total', { semaphore_type: 'global' }),
      recoveries: {
        success: this.#grown('mcp_semaphore_recoveries_total', { semaphore_type: 'global', status: 'success' }),
        partial: this.#grown('mcp_semaphore_recoveries_total', { semaphore_type: 'global', status: 'partial' }),
        failed: this.#grown('mcp_semaphore_recoveries_total', { semaphore_type: 'global', status: 'failed' }),
      },
      overCapacity: this.#overCapacity,
    };
  }

  #turn(): void {
    const next = this.#clock.now() + (this.#options.everyMs ?? 500);
    const again = (): void => {
      if (!this.#running) return;
      this.#timer = this.#clock.at(next, () => this.#turn());
    };
    this.scrape().then(again, again);
  }

  #take(samples: MetricSample[]): void {
    const atMs = this.#now();
    this.#first ??= samples;
    this.#last = samples;
    const tiers = tiersOf(samples);
    for (const tier of tiers) this.#check(tier, atMs);
    this.#samples.push({ atMs: Math.round(atMs), tiers });
    if (this.#samples.length > (this.#options.maxSamples ?? 600)) thin(this.#samples);
    this.#counters.push({
      atMs,
      leaks: this.#grown('mcp_semaphore_leaks_detected_total', { semaphore_type: 'global' }),
      // `partial` says that a permit is still on its way back.
      recoveries: this.#grown('mcp_semaphore_recoveries_total', { semaphore_type: 'global', status: 'success' }),
    });
  }

  #check(tier: TierReading, atMs: number): void {
    const { capacity, current, expected, inUse } = tier;
    const say = (rule: string): void => {
      if (this.#violations.length >= 100) return;
      const detail = `${nameOf(tier)}: capacity ${capacity}, current ${current}, expected ${expected}, in_use ${inUse}`;
      this.#violations.push({ atMs: Math.round(atMs), rule, detail });
    };
    if (inUse > capacity) this.#overCapacity += 1;
    if (current + inUse !== capacity) say('current + in_use = capacity');
    if (current < 0) say('current is never below 0');
    if (current > expected) say('current is never above expected: a permit was given back twice');
    if (expected > capacity) say('expected is never above capacity');
  }

  #isAtRest(): boolean {
    const tiers = this.#samples.at(-1)?.tiers ?? [];
    return tiers.every(({ inUse, current, expected }) => inUse === 0 && current === expected);
  }

  /** How much a counter has grown since the first reading, summed over what the labels leave open. */
  #grown(name: string, labels: Record<string, string>): number {
    return sumOf(this.#last, name, labels) - sumOf(this.#first ?? [], name, labels);
  }
}

/** Every second one, so that a long run keeps an even picture in bounded memory. */
function thin(samples: PermitSample[]): void {
  const kept = samples.filter((_, index) => index % 2 === 1);
  samples.splice(0, samples.length, ...kept);
}

function tiersOf(samples: readonly MetricSample[]): TierReading[] {
  const byTier = new Map<string, Partial<TierReading> & { type: string; provider: string }>();
  for (const { name, labels, value } of samples) {
    const field = FAMILIES[toFamily(name)];
    const { semaphore_type: type, provider } = labels;
    if (field === undefined || type === undefined || provider === undefined) continue;
    const key = `${type}/${provider}`;
    byTier.set(key, { ...(byTier.get(key) ?? { type, provider }), [field]: value });
  }
  return [...byTier.values()].flatMap(({ type, provider, capacity, current, expected, inUse }) => {
    if (current === undefined) return [];
    const whole = capacity ?? current + (inUse ?? 0);
    return [
      { type, provider, capacity: whole, current, expected: expected ?? current, inUse: inUse ?? whole - current },
    ];
  });
}

function toFamily(name: string): keyof typeof FAMILIES {
  // A name that is no family looks up `undefined`, which the caller checks.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return name as keyof typeof FAMILIES;
}

function sumOf(samples: readonly MetricSample[], name: string, labels: Record<string, string>): number {
  return samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, sample) => sum + sample.value, 0);
}

function nameOf({ type, provider }: TierReading): string {
  return provider === 'none' ? type : `${type} ${provider}`;
}
