import { AdaptiveLimit, type AimdOptions } from './adaptive-limit.ts';
import type { CapacityTier } from './capacity-tier.ts';
import { checkWord } from './check-argument.ts';
import type { CommonAsk, CommonOptions } from './common-options.ts';
import { DeadlockWatch, iterateInFlow, type Flowing } from './deadlock-watch.ts';
import { createFlowContext } from './flow-context.ts';
import type { HoldRecord } from './hold-record.ts';
import type { HolderInfo } from './holder-info.ts';
import type { HoldTerms } from './hold-terms.ts';
import { HeldPermit, type Permit, type PermitOwner } from './permit.ts';
import type { Seat } from './seat.ts';
import { SemaphoreBase } from './semaphore-base.ts';
import type { Outcome } from './tier.ts';

/** A permit's life: made at the grant, used by a task or a stream, released or reclaimed. */
export abstract class SemaphoreGrants<S extends Seat> extends SemaphoreBase<S> {
  protected fence = 0;
  protected readonly watch: DeadlockWatch<S> | undefined;
  protected readonly throwsDeadlock: boolean;
  /** What permits call. Not methods of the semaphore: nobody frees a permit that is not theirs. */
  readonly #owner: PermitOwner<S> = {
    giveBack: (permit, outcome) => this.giveBack(permit, outcome),
    noteLateRelease: (record) => this.ledger?.recovery.noteLateRelease(record),
    openSignal: (permit) => this.ledger?.openSignal(permit) ?? new AbortController(),
    noteTouch: (permit, note) => this.ledger?.touch(permit, note),
  };

  protected constructor(options: CommonOptions, global: CapacityTier) {
    super(options, global);
    const { level } = this.policy;
    const deadlock = options.deadlock ?? (level === 'strict' || level === 'paranoid' ? 'report' : 'off');
    checkWord('deadlock', deadlock, ['off', 'report', 'throw']);
    this.throwsDeadlock = deadlock === 'throw';
    if (deadlock === 'off') return;
    if (level === 'off') throw new RangeError('deadlock needs leak level track or above, got off');
    const context = createFlowContext();
    if (context !== undefined) this.watch = new DeadlockWatch(context);
  }

  /** After something came free: those who wait move up, and who waits for idleness is told. */
  protected abstract moveUp(): void;

  /** Runs a task under a granted permit, as a flow of its own where deadlocks are watched. */
  protected async runWith<T>(permit: HeldPermit<S>, task: (permit: Permit) => T | PromiseLike<T>): Promise<T> {
    const flow = this.#openFlow(permit);
    try {
      return await (flow === undefined ? task(permit) : flow.enter(() => task(permit)));
    } finally {
      flow?.leave();
      permit.release();
    }
  }

  /** Streams under a permit that is taken at the first read and given back at the end, `return`, throw, or by collection. */
  protected async *streamWith<T>(
    acquire: () => Promise<HeldPermit<S>>,
    source: (permit: Permit) => AsyncIterable<T> | PromiseLike<AsyncIterable<T>>,
  ): AsyncGenerator<T, void, undefined> {
    const permit = await acquire();
    const flow = this.#openFlow(permit);
    try {
      yield* flow === undefined ? await source(permit) : iterateInFlow(flow, await flow.enter(() => source(permit)));
    } finally {
      flow?.leave();
      permit.release();
    }
  }

  /** The terms of a call, its stack included where the level asks for it, or undefined when it has none. */
  protected toTerms({ label, maxHoldMs = this.policy.maxHoldMs }: CommonAsk): HoldTerms | undefined {
    const { level } = this.policy;
    const trace = level === 'strict' || level === 'paranoid' ? captureTrace(level) : undefined;
    if (label === undefined && maxHoldMs === undefined && trace === undefined) return undefined;
    return { label, maxHoldMs, trace };
  }

  /** Makes the permit of a grant whose tiers have been taken. */
  protected toPermit(
    seat: S,
    weight: number,
    waitedMs: number,
    terms: HoldTerms | undefined,
    deadlineOffset: number,
  ): HeldPermit<S> {
    const { global, provider, session } = seat;
    global.counters.granted += 1;
    if (provider !== undefined) provider.counters.granted += 1;
    if (session !== undefined) session.counters.granted += 1;
    const permit = new HeldPermit<S>(this.#owner, seat, ++this.fence, weight, waitedMs, terms);
    if (deadlineOffset >= 0) permit.deadlineOffset = deadlineOffset;
    if (this.ledger !== undefined) this.ledger.add(permit);
    if (this.events.active) this.#emitAcquired(permit);
    return permit;
  }

  /** A released permit: its tiers get it back, and those who wait move up. */
  protected giveBack(permit: HeldPermit<S>, outcome: Outcome): void {
    const { seat, weight } = permit;
    const { global, provider, session } = seat;
    const info = this.events.active && this.events.hears('released') ? this.toInfo(permit) : undefined;
    if (this.ledger !== undefined) {
      const holdMs = this.ledger.remove(permit);
      global.noteService(holdMs);
      provider?.noteService(holdMs);
    }
    const { adaptive } = provider ?? global;
    if (adaptive !== undefined) this.adapt(adaptive, provider ?? global, permit, outcome);
    global.counters.released += 1;
    if (provider !== undefined) provider.counters.released += 1;
    if (session !== undefined) session.counters.released += 1;
    this.leaveSession(seat);
    this.leaveShared(seat, weight);
    if (info !== undefined) this.#emitReleased(info, outcome);
    this.moveUp();
  }

  protected override freeSession({ seat }: HoldRecord<S>): void {
    this.leaveSession(seat);
    this.moveUp();
  }

  protected override freeShared({ seat, weight }: HoldRecord<S>): void {
    this.leaveShared(seat, weight);
    this.moveUp();
  }

  /** Lowers what the session holds. */
  protected leaveSession(_seat: S): void {
    // A plain semaphore has no sessions.
  }

  /** Lowers what the other tiers hold. */
  protected leaveShared({ global }: S, weight: number): void {
    global.held -= weight;
  }

  /** Lets the outcome of a released permit move an adaptive limit. Called before `held` is lowered. */
  protected adapt(adaptive: AdaptiveLimit, tier: CapacityTier, permit: HeldPermit<S>, outcome: Outcome): void {
    const was = tier.limit;
    const { capacity, held } = tier;
    const limit = adaptive.next(outcome, { limit: was, capacity, held, fence: permit.id, lastFence: this.fence });
    tier.limit = limit;
    if (limit !== was)
      this.events.emit('limitChanged', () => ({ provider: permit.seat.provider?.id ?? 'none', limit, was }));
  }

  /** Apart, as the next one, from what calls it: a closure in there would cost every grant and release its scope. */
  #emitAcquired(permit: HeldPermit<S>): void {
    this.events.emit('acquired', () => ({ ...this.toInfo(permit), waitedMs: permit.waitedMs }));
  }

  #emitReleased(info: HolderInfo, outcome: Outcome): void {
    this.events.emit('released', () => ({ ...info, outcome }));
  }

  #openFlow(permit: HeldPermit<S>): Flowing | undefined {
    const { ledger } = this;
    return ledger === undefined ? undefined : this.watch?.open(ledger.toRecord(permit));
  }
}

/** The adaptive limit an option asks for. */
export function toAdaptive(option: boolean | AimdOptions = false): AdaptiveLimit | undefined {
  return option === false ? undefined : new AdaptiveLimit(option === true ? {} : option);
}

function captureTrace(level: 'strict' | 'paranoid'): { stack?: string } {
  const trace: { stack?: string } = {};
  Error.captureStackTrace?.(trace, captureTrace);
  return level === 'paranoid' ? { stack: trace.stack ?? '' } : trace;
}
