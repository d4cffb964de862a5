import type { AcquireError } from './acquire-error.ts';
import { CapacityTier } from './capacity-tier.ts';
import { checkCount, checkName, checkPositive, checkPositiveInteger } from './check-argument.ts';
import { FairQueue } from './fair-queue.ts';
import { waitsOf, type Flow } from './flow.ts';
import type { HealthReport } from './health-report.ts';
import { toHealthReport } from './health-summary.ts';
import type { HolderInfo } from './holder-info.ts';
import { obtain } from './obtain.ts';
import type { HeldPermit, Permit } from './permit.ts';
import { SemaphoreCore } from './semaphore-core.ts';
import { SessionTier } from './session-tier.ts';
import { TierRegistry } from './tier-registry.ts';
import { TierView } from './tier-view.ts';
import type { Tier } from './tier.ts';
import { checkTieredOptions, type TieredAsk, type TieredOptions } from './tiered-options.ts';
import { toTieredStats, type TieredStats } from './tiered-stats.ts';
import type { Waiter } from './waiter.ts';

/** Where a session's next call stands, for "position 3 in the queue". */
export interface QueuePlace {
  /** 1 for the call that starts next, 0 when the session has none waiting for this provider. */
  readonly position: number;
  /** Calls of all sessions waiting for the provider. */
  readonly waiting: number;
  /** From observed service times, in milliseconds; 0 before any were observed. */
  readonly estimatedWaitMs: number;
}

/**
 * Three tiers in one queue entry: a call gets a permit of the global, the provider's and the session's tier in one synchronous
 * step, or none, so a waiting call holds nothing. Between sessions grants are fair by start-time tags; within a session calls
 * to one provider go by priority, then in order. A session delays another only by what it runs on a tier both need.
 */
export class TieredSemaphore extends SemaphoreCore<Flow, TieredAsk> {
  protected readonly fair: FairQueue = new FairQueue();
  protected readonly tiers: TierRegistry;
  protected readonly endings: Map<string, Promise<readonly HolderInfo[]>> = new Map();
  readonly #maxWaitingPerSession: number;

  /** @throws RangeError for a bad option */
  constructor(options: TieredOptions) {
    super(options, new CapacityTier('global', options.global));
    checkTieredOptions(options);
    this.#maxWaitingPerSession = options.maxWaitingPerSession ?? this.maxWaiting;
    checkCount('maxWaitingPerSession', this.#maxWaitingPerSession);
    this.tiers = new TierRegistry(options, this.fair, this.global);
  }

  /** Waits for one permit of each tier. Rejects with an `AcquireError`, or with a `RangeError` for a bad argument. */
  override acquire(ask: TieredAsk): Promise<Permit> {
    return this.take(ask);
  }

  /** Runs a task under a permit, released when its promise settles or it throws. Keeps the caller's async context. */
  async run<T>(ask: TieredAsk, task: (permit: Permit) => T | PromiseLike<T>): Promise<T> {
    return this.runWith(await this.take(ask), task);
  }

  /**
   * Iterates a stream under a permit: acquired at the first read, released at its end, on `return`, on a throw, and when the
   * iterator is abandoned.
   */
  runStream<T>(
    ask: TieredAsk,
    source: (permit: Permit) => AsyncIterable<T> | PromiseLike<AsyncIterable<T>>,
  ): AsyncIterableIterator<T> {
    return this.streamWith(() => this.take(ask), source);
  }

  /** Counters, and the histograms of waits, per tier. */
  stats(): TieredStats {
    const records = this.ledger?.records() ?? [];
    return toTieredStats(this.tiers, this.fair, records, this.ledger?.ageNow() ?? 0);
  }

  override health(): HealthReport {
    const { providers } = this.tiers;
    const unsettled = this.ledger?.recovery.unsettled;
    return toHealthReport(this.global, providers.values(), this.fair.liveSessions, this.holders(), unsettled);
  }

  /** Where the next call of a session to a provider stands. */
  queue(ask: { provider: string; session: string }): QueuePlace {
    const provider = this.tiers.providers.get(ask.provider);
    const flow = this.fair.sessions.get(ask.session)?.flows.find((each) => each.provider === provider);
    if (provider === undefined || flow === undefined)
      return { position: 0, waiting: provider?.waiting ?? 0, estimatedWaitMs: 0 };
    const position = this.fair.rank(flow) + 1;
    const estimate = this.expectedWait(flow, position);
    return {
      position,
      waiting: provider.waiting,
      estimatedWaitMs: Number.isFinite(estimate) ? Math.round(estimate) : 0,
    };
  }

  /**
   * Ends a session: its waiting calls are rejected with `CLOSED`, its holders' signals aborted, and what is not released
   * within the grace is leaked by scope and reclaimed. Resolves with what was; empty at leak level `off`. The id may be used
   * again afterwards.
   */
  endSession(id: string): Promise<readonly HolderInfo[]> {
    return obtain(this.endings, id, () => this.#end(id).finally(() => this.endings.delete(id)));
  }

  /**
   * A live view of one tier. All sessions share one capacity, so resizing the view of one resizes it for all.
   *
   * @throws RangeError for a provider that is neither listed nor covered by `defaultProvider`
   */
  tier(type: Tier, id?: string): TierView {
    if (type === 'global')
      return new TierView(
        () => this.global,
        (capacity) => this.#resize([this.global], capacity),
      );
    if (type === 'session')
      return new TierView(
        () => this.tiers.readSessions(id),
        (capacity) => this.#resizeSessions(capacity),
      );
    const name = id ?? '';
    this.tiers.capacityOf(name);
    return new TierView(
      () => this.tiers.readProvider(name),
      (capacity) => this.#resize([this.tiers.providerOf(name)], capacity),
    );
  }

  protected override unqueue(waiter: Waiter<Flow>): void {
    this.fair.remove(waiter);
    this.global.waiting = this.fair.size;
    this.tiers.letGo(waiter.seat);
  }

  protected override pump(): void {
    while (!this.global.isFull) {
      const waiter = this.fair.next();
      if (waiter === undefined) return;
      const now = this.clock.elapsed();
      if (!this.dropIfDead(waiter, now)) this.#grantWaiting(waiter, now);
    }
  }

  protected override waiters(): Waiter<Flow>[] {
    return [...this.fair.sessions.values()].flatMap((session) => session.waiters());
  }

  protected override culprit(flow: Flow, waiter: Waiter<Flow> | undefined): CapacityTier {
    const { global, provider, session } = flow;
    if (waiter === undefined) return [session, provider, global].find((tier) => tier.isFull) ?? global;
    return waitsOf(waiter, this.clock.elapsed()).reduce((longest, each) => (each[1] > longest[1] ? each : longest))[0];
  }

  /** Called when a call has entered the queue. */
  protected noteWaiting(_flow: Flow): void {
    // For subclasses that must ask elsewhere for permits.
  }

  /** Called when somebody has set a capacity. */
  protected noteResized(): void {
    // For subclasses that must tell others.
  }

  protected override seatOf(ask: TieredAsk): Flow {
    return this.tiers.flowOf(ask);
  }

  /** If a newcomer can start, nobody who waits could: they lack a tier that it does not need. */
  protected override fitsNow({ global, provider, session }: Flow): boolean {
    return !global.isFull && !provider.isFull && !session.isFull && !session.isEnding;
  }

  protected override grantNow(flow: Flow, ask: TieredAsk): HeldPermit<Flow> {
    const { session } = flow;
    if (session.isIdle) this.fair.wake(session);
    this.#hold(flow, this.fair.size > 0 ? this.clock.elapsed() : -1);
    this.fair.charge(session, ask.weight ?? 1);
    this.fair.refreshAll(session);
    return this.toPermit(flow, 1, 0, this.toTerms(ask), this.clock.toOffset(ask.deadlineAt));
  }

  protected override refuseEarly(ask: TieredAsk, flow: Flow): AcquireError | undefined {
    const refusal = super.refuseEarly(ask, flow);
    if (refusal !== undefined || !flow.session.isEnding) return refusal;
    return this.refuse('CLOSED', flow, undefined, {}, flow.session);
  }

  protected override refuseFull(flow: Flow): AcquireError | undefined {
    const isSessionFull = flow.session.waiting >= this.#maxWaitingPerSession;
    if (!isSessionFull && this.waiting < this.maxWaiting) return undefined;
    const maxWaiting = isSessionFull ? this.#maxWaitingPerSession : this.maxWaiting;
    const tier = isSessionFull ? flow.session : undefined;
    return this.refuse('OVER_CAPACITY', flow, undefined, { maxWaiting }, tier);
  }

  protected override insert(waiter: Waiter<Flow>, ask: TieredAsk, now: number): void {
    const { global, provider, session } = waiter.seat;
    const { enqueuedAt } = waiter;
    for (const tier of [global, provider, session]) tier.noteFullness(now);
    waiter.globalFull = Math.floor(global.fullUntil(enqueuedAt));
    waiter.providerFull = Math.floor(provider.fullUntil(enqueuedAt));
    waiter.sessionFull = Math.floor(session.fullUntil(enqueuedAt));
    this.fair.add(waiter, ask.retry === true);
    global.waiting = this.fair.size;
    this.noteWaiting(waiter.seat);
  }

  protected override leaveSession({ session }: Flow): void {
    const wasFull = session.isFull;
    session.held -= 1;
    if (session.isFullNoted) session.noteFullness(this.clock.elapsed());
    if (wasFull) this.fair.refreshAll(session);
    session.noteReturn();
    this.fair.retire(session);
  }

  protected override leaveShared(flow: Flow): void {
    const { global, provider } = flow;
    global.held -= 1;
    provider.held -= 1;
    if (global.isFullNoted || provider.isFullNoted) {
      const now = this.clock.elapsed();
      global.noteFullness(now);
      provider.noteFullness(now);
    }
    this.tiers.letGo(flow);
  }

  protected override letGo(flow: Flow): void {
    this.tiers.letGo(flow);
  }

  protected override checkAsk(ask: TieredAsk): void {
    checkName('provider', ask.provider);
    checkName('session', ask.session);
    if (ask.weight !== undefined) checkPositive('weight', ask.weight);
    super.checkAsk(ask);
    this.tiers.capacityOf(ask.provider);
  }

  #grantWaiting(waiter: Waiter<Flow>, now: number): void {
    const flow = waiter.seat;
    // Read before the permit is counted: it may be the one that fills a tier.
    for (const [tier, waitMs] of waitsOf(waiter, now)) if (waitMs > 0) tier.counters.wait.record(waitMs);
    this.#hold(flow, now);
    this.fair.remove(waiter);
    this.global.waiting = this.fair.size;
    this.fair.charge(flow.session, waiter.weight);
    this.fair.refreshAll(flow.session);
    this.settle(waiter, 1, Math.max(0, now - waiter.enqueuedAt));
  }

  /** Counts the permit in all three tiers. `now` is −1 when nobody waits and fullness concerns nobody. */
  #hold({ global, provider, session }: Flow, now: number): void {
    global.held += 1;
    provider.held += 1;
    session.held += 1;
    if (now < 0) return;
    global.noteFullness(now);
    provider.noteFullness(now);
    session.noteFullness(now);
  }

  #resizeSessions(capacity: number): void {
    checkPositiveInteger('capacity', capacity);
    this.tiers.sessionCapacity = capacity;
    this.#resize([...this.fair.sessions.values()], capacity);
  }

  #resize(tiers: readonly CapacityTier[], capacity: number): void {
    checkPositiveInteger('capacity', capacity);
    const now = this.clock.elapsed();
    for (const tier of tiers) {
      tier.resize(capacity);
      tier.noteFullness(now);
      if (tier instanceof SessionTier) this.fair.refreshAll(tier);
    }
    this.noteResized();
    this.pump();
  }

  async #end(id: string): Promise<readonly HolderInfo[]> {
    const session = this.fair.sessions.get(id);
    if (session === undefined) return [];
    session.isEnding = true;
    const isOwn = (seat: Flow): boolean => seat.session === session;
    this.rejectAll(session.waiters(), 'CLOSED');
    this.abortHolders(isOwn, 'LOST', `the session ${JSON.stringify(id)} has ended`);
    if (session.held > 0) await session.emptied(this.clock.clock, this.policy.graceMs);
    const leaked = await this.ledger?.reclaimScope(isOwn);
    session.isEnding = false;
    return leaked ?? [];
  }
}
