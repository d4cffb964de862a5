import { TieredSemaphore } from '../src/index.ts';
import { FakeClock, settled } from './fake-clock.ts';
import { SeededRandom } from './seeded-random.ts';

/** What one random world showed. Every list is empty if all is well. */
export interface WorldReport {
  readonly grants: number;
  readonly capViolations: string[];
  /** Waiting calls all of whose tiers had a free permit. */
  readonly idleWaits: string[];
  readonly lateStarts: string[];
  readonly leftovers: string[];
  /** Largest wait as a share of the bound. */
  readonly worstShare: number;
}

interface Call {
  readonly session: string;
  readonly provider: string;
  readonly arrivedAt: number;
  /** Whether the session had anything else waiting, or was itself full, at some time of the wait. */
  isAlone: boolean;
}

/** A random world of sessions, providers, calls, cancels and deaths, played to its end on a clock of its own. */
export class TierWorld {
  private readonly random: SeededRandom;
  private readonly clock = new FakeClock();
  private readonly caps: { global: number; session: number; providers: Record<string, number> };
  private readonly limits: TieredSemaphore;
  private readonly weights = new Map<string, number>();
  private readonly waiting = new Set<Call>();
  private readonly running = { global: 0, providers: new Map<string, number>(), sessions: new Map<string, number>() };
  private readonly report = {
    grants: 0,
    capViolations: [] as string[],
    idleWaits: [] as string[],
    lateStarts: [] as string[],
    leftovers: [] as string[],
    worstShare: 0,
  };
  private longestHold = 0;
  private readonly hasDeaths: boolean;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.random = random;
    const providers = Object.fromEntries(
      ['glm', 'kimi', 'extra'].slice(0, random.int(1, 3)).map((id) => [id, random.int(1, 4)]),
    );
    this.caps = { global: random.int(1, 6), session: random.int(1, 3), providers };
    this.limits = new TieredSemaphore({
      ...this.caps,
      clock: this.clock,
      graceMs: 5,
      quarantineMs: 1e6,
      leak: 'track',
    });
    this.hasDeaths = random.chance(0.3);
    const isWeighted = random.chance(0.3);
    for (let n = random.int(1, 8); n > 0; n -= 1) this.weights.set(`s${n}`, isWeighted ? random.int(1, 3) : 1);
  }

  async play(calls: number): Promise<WorldReport> {
    const { random } = this;
    const sessions = [...this.weights.keys()];
    const ends: Promise<unknown>[] = [];
    for (let n = 0; n < calls; n += 1) {
      ends.push(this.call(random.pick(sessions), random.pick(Object.keys(this.caps.providers))));
      if (this.hasDeaths && random.chance(0.03)) ends.push(this.limits.endSession(random.pick(sessions)));
      if (random.chance(0.6)) await this.clock.advance(random.int(0, 8));
      this.checkIdleWaits();
    }
    await this.clock.advance(20_000);
    await Promise.all(ends);
    this.checkLeftovers();
    return this.report;
  }

  private async call(session: string, provider: string): Promise<void> {
    const { random, limits, clock } = this;
    const serviceMs = random.int(1, 30);
    this.longestHold = Math.max(this.longestHold, serviceMs);
    const call: Call = { session, provider, arrivedAt: clock.time, isAlone: !this.isBusy(session) };
    for (const other of this.waiting) if (other.session === session) other.isAlone = false;
    const controller = new AbortController();
    if (random.chance(0.15)) clock.startTimer(() => controller.abort(), random.int(0, 60), true);
    this.waiting.add(call);
    const ask = {
      provider,
      session,
      signal: controller.signal,
      weight: this.weights.get(session) ?? 1,
      priority: random.int(0, 1),
      retry: random.chance(0.1),
      ...(random.chance(0.2) && { timeoutMs: random.int(0, 100) }),
      ...(random.chance(0.2) && { deadlineAt: clock.now() + random.int(0, 150) }),
    };
    try {
      await limits.run(ask, () => {
        this.start(call);
        return new Promise<void>((resolve) => {
          clock.startTimer(
            () => {
              this.move(call, -1);
              resolve();
            },
            serviceMs,
            true,
          );
        });
      });
    } catch {
      this.waiting.delete(call);
    }
  }

  private start(call: Call): void {
    this.waiting.delete(call);
    this.report.grants += 1;
    this.move(call, 1);
    const { global, session, providers } = this.caps;
    const most = providers[call.provider] ?? 0;
    if (this.running.global > global) this.report.capViolations.push('global');
    if ((this.running.providers.get(call.provider) ?? 0) > most) this.report.capViolations.push(call.provider);
    // A dead session's permits are free before its work ends; the shared tiers are not.
    if (!this.hasDeaths && (this.running.sessions.get(call.session) ?? 0) > session)
      this.report.capViolations.push(call.session);
    this.checkWait(call, most);
  }

  /** A session with one waiting call starts within ⌈Σw/w_B / min(provider, global)⌉ × the longest hold, plus one hold. */
  private checkWait(call: Call, most: number): void {
    if (!call.isAlone) return;
    const weights = [...this.weights.values()];
    const share = weights.reduce((sum, weight) => sum + weight, 0) / (this.weights.get(call.session) ?? 1);
    const bound = (Math.ceil(share / Math.min(most, this.caps.global)) + 1) * this.longestHold;
    const wait = this.clock.time - call.arrivedAt;
    this.report.worstShare = Math.max(this.report.worstShare, wait / bound);
    if (wait > bound) this.report.lateStarts.push(`${call.session} waited ${wait} of at most ${bound}`);
  }

  private isBusy(session: string): boolean {
    const isWaiting = [...this.waiting].some((other) => other.session === session);
    return isWaiting || (this.running.sessions.get(session) ?? 0) >= this.caps.session;
  }

  private move(call: Call, by: 1 | -1): void {
    const { running } = this;
    running.global += by;
    running.providers.set(call.provider, (running.providers.get(call.provider) ?? 0) + by);
    running.sessions.set(call.session, (running.sessions.get(call.session) ?? 0) + by);
  }

  private checkIdleWaits(): void {
    const { limits } = this;
    if (limits.tier('global').available === 0) return;
    for (const { session, provider } of this.waiting) {
      if (limits.queue({ session, provider }).position === 0) continue;
      if (limits.tier('provider', provider).available > 0 && limits.tier('session', session).available > 0)
        this.report.idleWaits.push(`${session} at ${provider}`);
    }
  }

  private checkLeftovers(): void {
    const inner = this.limits as unknown as Record<string, Record<string, { size: number }>>;
    const sizes = {
      sessions: inner['fair']?.['sessions']?.size,
      providers: inner['fair']?.['providers']?.size,
      idle: inner['fair']?.['idle']?.size,
      signals: inner['signals']?.['size'],
      deadlines: inner['deadlines']?.['size'],
      endings: (inner['endings'] as unknown as { size: number }).size,
      waiting: this.limits.waiting,
      held: this.limits.tier('global').held,
      holders: this.limits.holders().length,
      running: this.running.global,
    };
    for (const [name, size] of Object.entries(sizes))
      if (size !== 0) this.report.leftovers.push(`${name}: ${JSON.stringify(size)}`);
  }
}

/** Plays one world. */
export async function playTierWorld(seed: number, calls: number): Promise<WorldReport> {
  await settled();
  return new TierWorld(seed).play(calls);
}
