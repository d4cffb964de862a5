import { AcquireError, type AcquireErrorCode, type AcquireErrorDetails } from './acquire-error.ts';
import { Alarm } from './alarm.ts';
import type { CapacityTier } from './capacity-tier.ts';
import { checkCount, checkDuration, checkPositiveInteger } from './check-argument.ts';
import { ElapsedClock, pause, systemClock } from './clock.ts';
import type { CommonOptions } from './common-options.ts';
import { EventHub } from './event-hub.ts';
import type { HealthReport } from './health-report.ts';
import { toHolderInfo, type HoldRecord } from './hold-record.ts';
import type { HolderInfo } from './holder-info.ts';
import { toHoldPolicy, type HoldPolicy } from './leak-options.ts';
import { Ledger } from './ledger.ts';
import type { HeldPermit } from './permit.ts';
import { describeHolder, toRefusalMessage } from './refusal-message.ts';
import { whose, type Seat } from './seat.ts';
import type { RecoveryReport, SemaphoreEvents } from './semaphore-events.ts';
import type { Waiter } from './waiter.ts';

const DEFAULT_MAX_WAITING = 100_000;
const DEFAULT_HEALTH_CHECK_MS = 30_000;
const MAX_HOLDERS_IN_ERROR = 8;
/** Bounds and spread of `retryAfterMs`: no stampede, no hammering. */
const RETRY_UNKNOWN_MS = 1000;
const RETRY_MIN_MS = 100;
const RETRY_SPREAD = 0.2;

/** Refusals that say when to come back. */
const RETRYABLE: readonly AcquireErrorCode[] = ['OVER_CAPACITY', 'TIMEOUT', 'DEADLINE_EXCEEDED', 'SHED'];

/** What a semaphore knows and tells: its holders, its events, its health, and why it refused. */
export abstract class SemaphoreBase<S extends Seat> {
  protected readonly events: EventHub<SemaphoreEvents> = new EventHub();
  protected readonly clock: ElapsedClock;
  protected readonly policy: HoldPolicy;
  protected readonly ledger: Ledger<S> | undefined;
  protected readonly global: CapacityTier;
  protected readonly maxWaiting: number;
  protected readonly minRunMs: number;
  protected isClosed = false;
  readonly #healthCheckMs: number;
  readonly #healthAlarm: Alarm;

  protected constructor(options: CommonOptions, global: CapacityTier) {
    this.clock = new ElapsedClock(options.clock ?? systemClock);
    this.policy = toHoldPolicy(options);
    this.global = global;
    this.maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
    this.minRunMs = options.minRunMs ?? 0;
    this.#healthCheckMs = options.healthCheckMs ?? DEFAULT_HEALTH_CHECK_MS;
    checkCount('maxWaiting', this.maxWaiting);
    checkDuration('minRunMs', this.minRunMs);
    checkPositiveInteger('healthCheckMs', this.#healthCheckMs);
    this.#healthAlarm = new Alarm(this.clock.clock, () => this.#emitHealth());
    if (this.policy.level === 'off') return;
    const host = {
      events: this.events,
      global,
      freeSession: (record: HoldRecord<S>) => this.freeSession(record),
      freeShared: (record: HoldRecord<S>) => this.freeShared(record),
    };
    this.ledger = new Ledger(host, this.policy, this.clock);
  }

  /** State, for dashboards and load balancers. */
  abstract health(): HealthReport;
  /** Gives the session's part of a reclaimed permit back. */
  protected abstract freeSession(record: HoldRecord<S>): void;
  /** Gives the global and the provider's part of a reclaimed permit back. */
  protected abstract freeShared(record: HoldRecord<S>): void;

  /** Calls waiting now. */
  get waiting(): number {
    return this.global.waiting;
  }

  /** Listens to an event; the returned function stops it. */
  on<K extends keyof SemaphoreEvents>(event: K, listener: (payload: SemaphoreEvents[K]) => void): () => void {
    const off = this.events.on(event, listener);
    if (event === 'health' && !this.#healthAlarm.isSet) this.#planHealth();
    return off;
  }

  /** Facts about all held permits, oldest first. Empty at leak level `off`. */
  holders(): readonly HolderInfo[] {
    return this.ledger?.holders() ?? [];
  }

  /**
   * Takes back what is proven leaked or lost: signal, grace, reclaim. Never touches a live holder. With `collect` (default: as
   * `leak.forceGc`) a major garbage collection gathers proof first, which stops the process for some milliseconds.
   */
  async recover(options: { collect?: boolean } = {}): Promise<RecoveryReport> {
    const collect = options.collect ?? this.policy.forceGc !== undefined;
    return this.ledger?.recovery.recover(collect) ?? { status: 'success', recovered: 0, remaining: 0 };
  }

  /**
   * Throws if anything is still held after `retries` looks, naming label, age and stack. For the end of tests; collects
   * garbage between looks where the host allows it. @defaultValue 20 looks, 10 ms apart
   */
  async assertNoLeaks(
    options: { retries?: number; delayMs?: number; ignore?: (holder: HolderInfo) => boolean } = {},
  ): Promise<void> {
    const { retries = 20, delayMs = 10, ignore = () => false } = options;
    if (this.ledger === undefined) throw new RangeError('assertNoLeaks needs leak level track or above, got off');
    for (let look = 0; look < retries; look += 1) {
      if (this.holders().every(ignore)) return;
      await pause(this.clock.clock, delayMs);
    }
    await this.ledger.gather(true);
    const left = this.holders().filter((holder) => !ignore(holder));
    if (left.length > 0)
      throw new Error(
        `${left.length} permits still held: ${left.map((holder) => describeHolder(holder, true)).join('; ')}`,
      );
  }

  /** The tier to name in a refusal. */
  protected culprit(_seat: S, _waiter: Waiter<S> | undefined): CapacityTier {
    return this.global;
  }

  /** Builds the error of a refusal and counts it. */
  protected refuse(
    code: AcquireErrorCode,
    seat: S,
    waiter?: Waiter<S>,
    details: AcquireErrorDetails = {},
    tier: CapacityTier = this.culprit(seat, waiter),
  ): AcquireError {
    tier.counters.rejected[code] += 1;
    const waitedMs = waiter === undefined ? 0 : this.clock.elapsed() - waiter.enqueuedAt;
    const label = waiter?.terms?.label;
    this.events.emit('rejected', () => ({ tier: tier.type, ...whose(seat, label), code, waitedMs }));
    const isRetryable = RETRYABLE.includes(code);
    const holders = isRetryable ? this.oldestHolders((other) => sharesTier(other, tier)) : [];
    return new AcquireError(code, toRefusalMessage(code, tier, seat, waitedMs, holders), {
      tier: tier.type,
      ...(seat.provider !== undefined && { provider: seat.provider.id }),
      limit: tier.limit,
      held: tier.held,
      waiting: this.waiting,
      ...(isRetryable && { retryAfterMs: this.#toRetryAfter(seat) }),
      ...(holders.length > 0 && { holders }),
      ...details,
    });
  }

  /** Milliseconds until a newcomer could expect to be granted, unspread; NaN before any release. */
  protected expectedWait(seat: S, ahead: number): number {
    const narrow = seat.provider ?? seat.global;
    const servers = Math.min(narrow.limit, seat.global.limit);
    return (narrow.serviceMs * ahead) / servers;
  }

  /** The facts of a permit, also at level `off`. */
  protected toInfo(permit: HeldPermit<S>): HolderInfo {
    const { record, terms, grantedAt } = permit;
    const now = this.ledger?.ageNow() ?? grantedAt;
    if (record !== undefined) return toHolderInfo(record, now);
    const { id, seat, weight } = permit;
    const deadlineAt = this.clock.toDeadline(permit.deadlineOffset);
    const unknown = { stack: undefined, note: undefined };
    return toHolderInfo(
      { id, seat, weight, label: terms?.label, deadlineAt, grantedAt, state: 'held', ...unknown },
      now,
    );
  }

  protected oldestHolders(matches: (seat: S) => boolean): HolderInfo[] {
    return this.ledger?.oldest(MAX_HOLDERS_IN_ERROR, matches) ?? [];
  }

  /** Aborts the signals of some holders, without taking anything from them. */
  protected abortHolders(matches: (seat: S) => boolean, code: AcquireErrorCode, message: string): void {
    // A copy: a listener may release.
    for (const record of Array.from(this.ledger?.records() ?? []))
      if (matches(record.seat)) record.controller?.deref()?.abort(new AcquireError(code, message));
  }

  protected stopHealthCheck(): void {
    this.#healthAlarm.clear();
  }

  #toRetryAfter(seat: S): number {
    const waiting = (seat.provider ?? seat.global).waiting;
    const expected = this.expectedWait(seat, waiting + 1);
    const base = Number.isFinite(expected) ? Math.max(RETRY_MIN_MS, expected) : RETRY_UNKNOWN_MS;
    return Math.round(base * (1 - RETRY_SPREAD + 2 * RETRY_SPREAD * Math.random()));
  }

  #planHealth(): void {
    if (!this.isClosed && this.#healthCheckMs < Infinity) this.#healthAlarm.set(this.#healthCheckMs, false);
  }

  #emitHealth(): void {
    if (!this.events.hears('health')) return;
    this.events.emit('health', () => this.health());
    this.#planHealth();
  }
}

function sharesTier({ global, provider, session }: Seat, tier: CapacityTier): boolean {
  return global === tier || provider === tier || session === tier;
}
