import { CapacityTier } from './capacity-tier.ts';
import { checkCount, checkName, checkPositive, checkPositiveInteger } from './check-argument.ts';
import { FairQueue } from './fair-queue.ts';
import type { Flow } from './flow.ts';
import type { HealthReport } from './health-report.ts';
import { toHealthReport } from './health-summary.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HoldTerms } from './hold-terms.ts';
import type { HolderInfo } from './holder-info.ts';
import { HeldPermit, type Permit } from './permit.ts';
import { SemaphoreCore } from './semaphore-core.ts';
import { SessionTier } from './session-tier.ts';
import type { Outcome, Tier } from './tier.ts';
import { TierRegistry } from './tier-registry.ts';
import { TierView } from './tier-view.ts';
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
  protected readonly global: CapacityTier;
  private readonly endings: Map<string, Promise<readonly HolderInfo[]>> = new Map();
  private readonly maxWaitingPerSession: number;

  /** @throws RangeError for a bad option */
  constructor(options: TieredOptions) {
    super(options);
    checkTieredOptions(options);
    this.maxWaitingPerSession = options.maxWaitingPerSession ?? this.maxWaiting;
    checkCount('maxWaitingPerSession', this.maxWaitingPerSession);
    this.tiers = new TierRegistry(options, this.fair);
    this.global = this.tiers.global;
  }

  override get waiting(): number {
    return this.fair.size;
  }

  override tryAcquire(ask: TieredAsk): Permit | undefined {
    this.checkTieredAsk(ask);
    const flow = this.tiers.flowOf(ask);
    const isFree = this.fitsNow(flow) && !flow.session.isEnding && this.refuseEarly(ask, flow) === undefined;
    if (isFree) return this.grantNow(flow, ask);
    this.tiers.letGo(flow);
    return undefined;
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
    const unsettled = this.ledger?.recovery.unsettled;
    return toHealthReport(
      this.global,
      this.tiers.providers.values(),
      this.fair.liveSessions,
      this.holders(),
      unsettled,
    );
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
    const running = this.endings.get(id);
    if (running !== undefined) return running;
    const ending = this.end(id).finally(() => this.endings.delete(id));
    this.endings.set(id, ending);
    return ending;
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
        (capacity) => this.resize([this.global], capacity),
      );
    if (type === 'session')
      return new TierView(
        () => this.tiers.readSessions(id),
        (capacity) => this.resizeSessions(capacity),
      );
    const name = id ?? '';
    this.tiers.capacityOf(name);
    return new TierView(
      () => this.tiers.readProvider(name),
      (capacity) => this.resize([this.tiers.providerOf(name)], capacity),
    );
  }

  protected override giveBack(permit: HeldPermit<Flow>, outcome: Outcome): void {
    const { global, provider, session } = permit.seat;
    const info = this.events.active && this.events.hears('released') ? this.toInfo(permit) : undefined;
    if (this.ledger !== undefined) {
      const holdMs = this.ledger.remove(permit);
      global.noteService(holdMs);
      provider.noteService(holdMs);
    }
    if (provider.adaptive !== undefined) this.adapt(provider.adaptive, provider, permit, outcome);
    global.counters.released += 1;
    provider.counters.released += 1;
    session.counters.released += 1;
    this.leaveSession(session);
    this.leaveShared(permit.seat);
    if (info !== undefined) this.emitReleased(info, outcome);
    this.afterRelease();
  }

  protected override freeSession(record: HoldRecord<Flow>): void {
    this.leaveSession(record.seat.session);
    this.afterRelease();
  }

  protected override freeShared(record: HoldRecord<Flow>): void {
    this.leaveShared(record.seat);
    this.afterRelease();
  }

  protected override get heldCount(): number {
    return this.global.held;
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
      if (!this.dropIfDead(waiter, now)) this.grantWaiting(waiter, now);
    }
  }

  protected override waiters(): Waiter<Flow>[] {
    return [...this.fair.sessions.values()].flatMap((session) => waitersOf(session));
  }

  protected override culprit(flow: Flow, waiter: Waiter<Flow> | undefined): CapacityTier {
    const { global, provider, session } = flow;
    if (waiter === undefined) return [session, provider, global].find((tier) => tier.isFull) ?? global;
    const now = this.clock.elapsed();
    const waits: readonly [CapacityTier, number][] = [
      [session, session.fullUntil(now) - waiter.sessionFull],
      [provider, provider.fullUntil(now) - waiter.providerFull],
      [global, global.fullUntil(now) - waiter.globalFull],
    ];
    return waits.reduce((longest, each) => (each[1] > longest[1] ? each : longest))[0];
  }

  /** Called when a call has entered the queue. */
  protected noteWaiting(_flow: Flow): void {
    // For subclasses that must ask elsewhere for permits.
  }

  /** Called when somebody has set a capacity. */
  protected noteResized(): void {
    // For subclasses that must tell others.
  }

  private take(ask: TieredAsk): Promise<HeldPermit<Flow>> {
    try {
      this.checkTieredAsk(ask);
    } catch (error) {
      return Promise.reject(error);
    }
    const flow = this.tiers.flowOf(ask);
    const refusal = this.refuseEarly(ask, flow) ?? this.refuseEnding(flow);
    if (refusal !== undefined) return this.turnAway(flow, refusal);
    if (this.fitsNow(flow)) return Promise.resolve(this.grantNow(flow, ask));
    if (ask.timeoutMs === 0) return this.turnAway(flow, this.refuse('TIMEOUT', flow, undefined));
    const refusalFull = this.refuseFull(flow);
    return refusalFull === undefined ? this.wait(flow, ask) : this.turnAway(flow, refusalFull);
  }

  private wait(flow: Flow, ask: TieredAsk): Promise<HeldPermit<Flow>> {
    const now = this.clock.elapsed();
    const { global, provider, session } = flow;
    for (const tier of [global, provider, session]) tier.noteFullness(now);
    const { weight = 1, priority = 0 } = ask;
    const terms = this.toTerms(ask);
    const deadlineOffset = this.clock.toOffset(ask.deadlineAt);
    const place = { order: ++this.arrivals, seat: flow, weight, priority, now, terms, deadlineOffset };
    return this.enqueue(ask, place, ask.retry === true ? this.insertAtHead : this.insert);
  }

  private readonly insert = (waiter: Waiter<Flow>): void => this.insertAt(waiter, false);
  private readonly insertAtHead = (waiter: Waiter<Flow>): void => this.insertAt(waiter, true);

  private insertAt(waiter: Waiter<Flow>, atHead: boolean): void {
    const { global, provider, session } = waiter.seat;
    const now = waiter.enqueuedAt;
    waiter.globalFull = Math.floor(global.fullUntil(now));
    waiter.providerFull = Math.floor(provider.fullUntil(now));
    waiter.sessionFull = Math.floor(session.fullUntil(now));
    this.fair.add(waiter, atHead);
    global.waiting = this.fair.size;
    this.noteWaiting(waiter.seat);
  }

  /** Takes all three tiers for a call that need not wait. */
  private grantNow(flow: Flow, ask: TieredAsk): HeldPermit<Flow> {
    const { session } = flow;
    if (session.isIdle) this.fair.wake(session);
    this.hold(flow, this.fair.size > 0 ? this.clock.elapsed() : -1);
    this.fair.charge(session, ask.weight ?? 1);
    this.fair.refreshAll(session);
    return this.toPermit(flow, 0, this.toTerms(ask), this.clock.toOffset(ask.deadlineAt));
  }

  private grantWaiting(waiter: Waiter<Flow>, now: number): void {
    const flow = waiter.seat;
    // Read before the permit is counted: it may be the one that fills a tier.
    this.noteWaits(waiter, now);
    this.hold(flow, now);
    this.fair.remove(waiter);
    this.global.waiting = this.fair.size;
    this.detach(waiter);
    this.fair.charge(flow.session, waiter.weight);
    this.fair.refreshAll(flow.session);
    waiter.settle(this.toPermit(flow, Math.max(0, now - waiter.enqueuedAt), waiter.terms, waiter.deadlineOffset));
  }

  /** Counts the permit in all three tiers. `now` is −1 when nobody waits and fullness concerns nobody. */
  private hold({ global, provider, session }: Flow, now: number): void {
    global.held += 1;
    provider.held += 1;
    session.held += 1;
    if (now < 0) return;
    global.noteFullness(now);
    provider.noteFullness(now);
    session.noteFullness(now);
  }

  private noteWaits(waiter: Waiter<Flow>, now: number): void {
    const { global, provider, session } = waiter.seat;
    recordWait(global, global.fullUntil(now) - waiter.globalFull);
    recordWait(provider, provider.fullUntil(now) - waiter.providerFull);
    recordWait(session, session.fullUntil(now) - waiter.sessionFull);
  }

  private toPermit(
    flow: Flow,
    waitedMs: number,
    terms: HoldTerms | undefined,
    deadlineOffset: number,
  ): HeldPermit<Flow> {
    flow.global.counters.granted += 1;
    flow.provider.counters.granted += 1;
    flow.session.counters.granted += 1;
    const permit = new HeldPermit<Flow>(this.owner, flow, ++this.fence, 1, waitedMs, terms);
    if (deadlineOffset >= 0) permit.deadlineOffset = deadlineOffset;
    if (this.ledger !== undefined) this.ledger.add(permit);
    if (this.events.active) this.emitAcquired(permit);
    return permit;
  }

  private leaveSession(session: SessionTier): void {
    const wasFull = session.isFull;
    session.held -= 1;
    if (session.isFullNoted) session.noteFullness(this.clock.elapsed());
    if (wasFull) this.fair.refreshAll(session);
    if (session.held === 0) session.onEmpty?.();
    this.fair.retire(session);
  }

  private leaveShared(flow: Flow): void {
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

  private afterRelease(): void {
    if (this.fair.size > 0) this.pump();
    if (this.global.held > 0 || this.fair.size > 0) return;
    this.settleIdle();
  }

  /** Whether a newcomer can start now. If it can, nobody who waits could: they lack a tier that it does not need. */
  protected fitsNow({ global, provider, session }: Flow): boolean {
    return !global.isFull && !provider.isFull && !session.isFull;
  }

  private refuseFull(flow: Flow): Error | undefined {
    const isSessionFull = flow.session.waiting >= this.maxWaitingPerSession;
    if (!isSessionFull && this.fair.size < this.maxWaiting) return undefined;
    const maxWaiting = isSessionFull ? this.maxWaitingPerSession : this.maxWaiting;
    const tier = isSessionFull ? flow.session : undefined;
    return this.refuse('OVER_CAPACITY', flow, undefined, { maxWaiting }, tier);
  }

  private refuseEnding(flow: Flow): Error | undefined {
    return flow.session.isEnding ? this.refuse('CLOSED', flow, undefined, {}, flow.session) : undefined;
  }

  private turnAway(flow: Flow, error: Error): Promise<never> {
    this.tiers.letGo(flow);
    return Promise.reject(error);
  }

  private checkTieredAsk(ask: TieredAsk): void {
    checkName('provider', ask.provider);
    checkName('session', ask.session);
    if (ask.weight !== undefined) checkPositive('weight', ask.weight);
    this.checkAsk(ask);
    this.tiers.capacityOf(ask.provider);
  }

  private resizeSessions(capacity: number): void {
    checkPositiveInteger('capacity', capacity);
    this.tiers.sessionCapacity = capacity;
    this.resize([...this.fair.sessions.values()], capacity);
  }

  private resize(tiers: readonly CapacityTier[], capacity: number): void {
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

  private async end(id: string): Promise<readonly HolderInfo[]> {
    const session = this.fair.sessions.get(id);
    if (session === undefined) return [];
    session.isEnding = true;
    this.rejectAll(waitersOf(session), 'CLOSED');
    this.abortHolders((seat) => seat.session === session, 'LOST', `the session ${JSON.stringify(id)} has ended`);
    if (session.held > 0) await this.outwaitHolders(session);
    const leaked = await this.reclaimScope(session);
    session.isEnding = false;
    return leaked;
  }

  /** Resolves when the session has given everything back, at the latest after the grace. */
  private outwaitHolders(session: SessionTier): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancelTimer();
        session.onEmpty = undefined;
        resolve();
      };
      const cancelTimer = this.clock.clock.startTimer(finish, this.policy.graceMs, true);
      session.onEmpty = finish;
    });
  }

  private async reclaimScope(session: SessionTier): Promise<HolderInfo[]> {
    const { ledger } = this;
    if (ledger === undefined) return [];
    const left = [...ledger.records()].filter(({ seat, isHeld }) => seat.session === session && isHeld);
    for (const record of left) ledger.recovery.lose(record, 'scope', 0);
    const leaked = left.map((record) => ledger.toInfo(record));
    await ledger.recovery.settle();
    return leaked;
  }
}

function waitersOf(session: SessionTier): Waiter<Flow>[] {
  return session.flows.flatMap((flow) => flow.queue.toArray());
}

function recordWait(tier: CapacityTier, waitMs: number): void {
  if (waitMs > 0) tier.counters.wait.record(waitMs);
}
