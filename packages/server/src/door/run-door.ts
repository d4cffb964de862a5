import { Alarm } from '../calls/alarm.ts';
import { CallError } from '../calls/call-error.ts';

import { Lane } from './lane.ts';
import { RunPace } from './run-pace.ts';

/** Who asks to run what, and until when. */
export interface DoorAsk {
  readonly provider: string;
  readonly session: string;
  /** Names the kind of run, whose usual length is learned. */
  readonly tool: string;
  /** Epoch ms. */
  readonly deadlineAt: number;
}

/** The right to run. */
export interface DoorPass {
  readonly waitedMs: number;
  /** Idempotent. `completed`: it did all its work, so its length says something about the next of its kind. */
  leave(completed?: boolean): void;
}

/** A place in the queue. */
export interface DoorPlace {
  readonly waiting: Promise<DoorPass>;
  /** Calls of the own session before it. */
  readonly position: number;
  readonly estimatedWaitMs: number;
  /** Gives the place up: `waiting` rejects with `error`. Without effect after the wait. */
  withdraw(error: CallError): void;
}

/** The answer of the door: a pass at once, or a place in the queue. */
export type DoorAnswer = { readonly pass: DoorPass } | DoorPlace;

/** How many may run. */
export interface DoorOptions {
  /** Runs at once per provider, beside each session's first. */
  readonly maxRuns: Readonly<Record<string, number>>;
  /** Runs waiting, over all providers. */
  readonly maxWaiting: number;
  /** Model calls of a provider at once; asked for at every estimate. @defaultValue as many as runs */
  readonly permits?: ((provider: string) => number) | undefined;
  /** Model calls of one session at once. @defaultValue unlimited */
  readonly sessionPermits?: number | undefined;
}

interface Waiter {
  readonly ask: DoorAsk;
  readonly since: number;
  /** When it can no longer be expected to end in time, as `since` in ms of `performance.now()`. */
  lateAt: number;
  readonly admit: (pass: DoorPass) => void;
  readonly refuse: (error: CallError) => void;
}

const MIN_RETRY_MS = 100;
/** How late a refusal at the deadline may come. */
const SLACK_MS = 20;

/**
 * Admits runs before they begin, so that what has begun can finish.
 *
 * A session's first run on a provider starts at once, whatever others do. Further runs share `maxRuns` places of that provider,
 * handed out in turn between sessions and in order within one. A run is refused at once when the queue is full, or when the
 * estimated wait and the time such a run takes in the company of now (see {@link RunPace}) do not safely fit its deadline. While it
 * waits it is refused as soon as the run alone would no longer fit: what cannot end in time never takes a permit from what can.
 * Nothing that has passed asks again, so passing cannot deadlock.
 */
export class RunDoor {
  readonly #lanes = new Map<string, Lane<Waiter>>();
  readonly #options: DoorOptions;
  readonly #alarm = new Alarm(() => this.#dropLate(), SLACK_MS);
  #waiting = 0;
  #closed = false;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Runs waiting, over all providers. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs that passed and have not left. */
  get running(): number {
    let sum = 0;
    for (const { pace } of this.#lanes.values()) sum += pace.running;
    return sum;
  }

  /** Entries of every map, for a test that nothing is kept. */
  get size(): number {
    let size = 0;
    for (const lane of this.#lanes.values()) size += lane.size;
    return size;
  }

  /**
   * Asks for admission; decides in this turn. A session's first run is let in while there are places.
   *
   * @throws CallError `OVER_CAPACITY` when it cannot fit, `SERVER_DRAINING` after {@link close}.
   */
  enter(ask: DoorAsk): DoorAnswer {
    if (this.#closed) throw draining();
    const lane = this.#lane(ask.provider);
    const position = lane.waitingOf(ask.session);
    if (position === 0 && lane.mayStart(ask.session)) {
      const isFirstWithPlace = lane.pace.running < lane.limit && lane.pace.runningOf(ask.session) === 0;
      if (!isFirstWithPlace) this.#refuseIfSlowed(lane, ask);
      return { pass: this.#admit(lane, ask, 0) };
    }
    if (this.#waiting >= this.#options.maxWaiting)
      throw this.#overCapacity(lane, ask.provider, 'the queue of runs is full');
    const estimatedWaitMs = this.#estimateWait(lane, ask.session);
    const runMs = lane.pace.lengthOf(ask.tool, ask.session);
    if (lane.pace.safely(estimatedWaitMs + runMs) > leftOf(ask)) throw this.#tooLong(lane, ask, estimatedWaitMs, runMs);
    return this.#enqueue(lane, ask, { estimatedWaitMs, runMs });
  }

  /** Refuses everyone who waits and everyone who comes. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) {
      for (const waiter of lane.entries()) this.#drop(lane, waiter, draining());
    }
    this.#alarm.stop();
  }

  /** Places and queue of one provider. */
  lane(provider: string): { limit: number; running: number; waiting: number } {
    const { limit, pace, waiting } = this.#lane(provider);
    return { limit, running: pace.running, waiting };
  }

  #lane(provider: string): Lane<Waiter> {
    const known = this.#lanes.get(provider);
    if (known !== undefined) return known;
    const limit = this.#options.maxRuns[provider] ?? Number.POSITIVE_INFINITY;
    const { permits, sessionPermits = Number.POSITIVE_INFINITY } = this.#options;
    const pace = new RunPace({ provider: () => permits?.(provider) ?? limit, session: sessionPermits });
    const lane = new Lane<Waiter>(limit, pace);
    this.#lanes.set(provider, lane);
    return lane;
  }

  #admit(lane: Lane<Waiter>, { session, tool }: DoorAsk, waitedMs: number): DoorPass {
    const end = lane.begin(session, tool);
    let left = false;
    return {
      waitedMs,
      leave: (completed = false) => {
        if (left) return;
        left = true;
        end(completed);
        this.#pump(lane);
      },
    };
  }

  #enqueue(lane: Lane<Waiter>, ask: DoorAsk, expected: { estimatedWaitMs: number; runMs: number }): DoorPlace {
    const position = lane.waitingOf(ask.session);
    const { promise, waiter } = createWaiter(ask, lane.pace.safely(expected.runMs));
    lane.add(waiter);
    this.#waiting += 1;
    this.#alarm.by(waiter.lateAt);
    return {
      waiting: promise,
      position,
      estimatedWaitMs: expected.estimatedWaitMs,
      withdraw: (error) => this.#drop(lane, waiter, error),
    };
  }

  /** Refuses who would end too late even when its turn came now; gives the time when the next one will. */
  #dropLate(): number {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      for (const waiter of lane.entries()) {
        const { ask } = waiter;
        // How long it takes may have changed since it came.
        if (waiter.lateAt <= now)
          waiter.lateAt = now + leftOf(ask) - lane.pace.safely(lane.pace.lengthOf(ask.tool, ask.session));
        if (waiter.lateAt > now) next = Math.min(next, waiter.lateAt);
        else this.#drop(lane, waiter, tooLate(ask));
      }
    }
    return next;
  }

  #drop(lane: Lane<Waiter>, waiter: Waiter, error: CallError): void {
    if (!lane.remove(waiter)) return;
    this.#waiting -= 1;
    lane.forget(waiter.ask.session);
    waiter.refuse(error);
  }

  #pump(lane: Lane<Waiter>): void {
    const { pace } = lane;
    for (let next = lane.next(); next !== undefined; next = lane.next()) {
      const { ask, since } = next;
      if (pace.safely(pace.lengthOf(ask.tool, ask.session, 1)) > leftOf(ask)) {
        this.#drop(lane, next, tooLate(ask));
        continue;
      }
      lane.remove(next);
      this.#waiting -= 1;
      next.admit(this.#admit(lane, ask, performance.now() - since));
    }
  }

  #estimateWait(lane: Lane<Waiter>, session: string): number {
    const { pace } = lane;
    const { own, others } = lane.workBefore(session);
    return Math.round(Math.max(pace.waitFor(own + others), pace.waitFor(own, this.#options.sessionPermits)));
  }

  /** A run that gets every permit when it wants one takes nothing from anybody, so it may try, however long such runs usually take. */
  #refuseIfSlowed(lane: Lane<Waiter>, ask: DoorAsk): void {
    const { pace } = lane;
    const runMs = pace.lengthOf(ask.tool, ask.session, 1);
    if (runMs > pace.workOf(ask.tool) && pace.safely(runMs) > leftOf(ask)) throw this.#tooLong(lane, ask, 0, runMs);
  }

  #tooLong(lane: Lane<Waiter>, ask: DoorAsk, waitMs: number, runMs: number): CallError {
    const position = lane.waitingOf(ask.session);
    const reason = `a wait of about ${Math.round(waitMs)} ms (${position} before it) and a run of about ${Math.round(runMs)} ms do not safely fit the ${leftOf(ask)} ms left`;
    return this.#overCapacity(lane, ask.provider, reason);
  }

  #overCapacity(lane: Lane<Waiter>, provider: string, reason: string): CallError {
    const { pace } = lane;
    const places = Number.isFinite(lane.limit) ? lane.limit : pace.running;
    const spread = 0.8 + Math.random() * 0.4;
    const turnsMs = pace.waitFor(0) * (this.#waiting + 1);
    return new CallError('OVER_CAPACITY', `no run can be admitted for ${provider}: ${reason}`, {
      retryAfterMs: Math.round(Math.max(MIN_RETRY_MS, turnsMs) * spread),
      details: {
        tier: 'door',
        provider,
        limit: places,
        inFlight: pace.running,
        queued: this.#waiting,
        queueLimit: this.#options.maxWaiting,
      },
    });
  }
}

function createWaiter(ask: DoorAsk, runMs: number): { promise: Promise<DoorPass>; waiter: Waiter } {
  let [admit, refuse]: [Waiter['admit'], Waiter['refuse']] = [() => undefined, () => undefined];
  const promise = new Promise<DoorPass>((resolve, reject) => {
    [admit, refuse] = [resolve, reject];
  });
  const since = performance.now();
  return { promise, waiter: { ask, since, lateAt: since + leftOf(ask) - runMs, admit, refuse } };
}

function leftOf({ deadlineAt }: DoorAsk): number {
  return deadlineAt - Date.now();
}

function tooLate(ask: DoorAsk): CallError {
  return new CallError(
    'QUEUE_TIMEOUT',
    `the ${leftOf(ask)} ms that are left for the run when it could begin are too little`,
  );
}

function draining(): CallError {
  return new CallError('SERVER_DRAINING', 'the server is ending and begins nothing new', { retryAfterMs: 5000 });
}
