import { Alarm } from '../calls/alarm.ts';
import { CallError } from '../calls/call-error.ts';
import { ChurnMap } from '../calls/churn-map.ts';

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
  /** Its deadline, as `since` in ms of `performance.now()`. */
  readonly lateAt: number;
  readonly admit: (pass: DoorPass) => void;
  readonly refuse: (error: CallError) => void;
}

interface Lane {
  readonly limit: number;
  readonly runningOf: ChurnMap<string, number>;
  readonly queues: ChurnMap<string, Waiter[]>;
  /** Start-time fairness: the session with the smallest tag goes next. */
  readonly tags: ChurnMap<string, number>;
  now: number;
  readonly pace: RunPace;
}

const MIN_RETRY_MS = 100;
/** How late a refusal at the deadline may come. */
const SLACK_MS = 20;

/**
 * Admits runs before they begin, so that what has begun can finish.
 *
 * A session's first run on a provider starts at once, whatever others do. Further runs share `maxRuns` places of that provider,
 * handed out in turn between sessions and in order within one. A run is refused at once when the queue is full, or when the
 * estimated wait and the time such a run takes in the company of now (see {@link RunPace}) do not fit its deadline. Nothing that
 * has passed asks again, so passing cannot deadlock.
 */
export class RunDoor {
  readonly #lanes = new Map<string, Lane>();
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
    for (const { runningOf, queues, tags } of this.#lanes.values()) size += runningOf.size + queues.size + tags.size;
    return size;
  }

  /**
   * Asks for admission; decides in this turn.
   *
   * @throws CallError `OVER_CAPACITY` when it cannot fit, `SERVER_DRAINING` after {@link close}.
   */
  enter(ask: DoorAsk): DoorAnswer {
    if (this.#closed) throw draining();
    const lane = this.#lane(ask.provider);
    const own = lane.queues.get(ask.session);
    const position = own?.length ?? 0;
    if (position === 0 && mayStart(lane, ask.session)) {
      if (lane.pace.running >= lane.limit) this.#refuseIfTooLong(lane, ask, 0, position);
      return { pass: this.#admit(lane, ask, 0) };
    }
    if (this.#waiting >= this.#options.maxWaiting)
      throw this.#overCapacity(lane, ask.provider, 'the queue of runs is full');
    const estimatedWaitMs = this.#estimateWait(lane, ask.session, position);
    this.#refuseIfTooLong(lane, ask, estimatedWaitMs, position);
    return this.#enqueue(lane, ask, position, estimatedWaitMs);
  }

  /** Refuses everyone who waits and everyone who comes. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) {
      for (const waiter of [...lane.queues.values()].flat()) this.#drop(lane, waiter, draining());
    }
    this.#alarm.stop();
  }

  /** Places and queue of one provider. */
  lane(provider: string): { limit: number; running: number; waiting: number } {
    const lane = this.#lane(provider);
    let waiting = 0;
    for (const queue of lane.queues.values()) waiting += queue.length;
    return { limit: lane.limit, running: lane.pace.running, waiting };
  }

  #lane(provider: string): Lane {
    const known = this.#lanes.get(provider);
    if (known !== undefined) return known;
    const limit = this.#options.maxRuns[provider] ?? Number.POSITIVE_INFINITY;
    const { permits } = this.#options;
    const lane: Lane = {
      limit,
      runningOf: new ChurnMap(),
      queues: new ChurnMap(),
      tags: new ChurnMap(),
      now: 0,
      pace: new RunPace(() => permits?.(provider) ?? limit),
    };
    this.#lanes.set(provider, lane);
    return lane;
  }

  #admit(lane: Lane, ask: DoorAsk, waitedMs: number): DoorPass {
    lane.runningOf.set(ask.session, (lane.runningOf.get(ask.session) ?? 0) + 1);
    const tag = Math.max(lane.now, lane.tags.get(ask.session) ?? 0);
    lane.now = tag;
    lane.tags.set(ask.session, tag + 1);
    const end = lane.pace.begin(ask.tool);
    let left = false;
    return {
      waitedMs,
      leave: (completed = false) => {
        if (left) return;
        left = true;
        end(completed);
        this.#leave(lane, ask.session);
      },
    };
  }

  #leave(lane: Lane, session: string): void {
    const rest = (lane.runningOf.get(session) ?? 1) - 1;
    if (rest > 0) lane.runningOf.set(session, rest);
    else lane.runningOf.delete(session);
    this.#pump(lane);
    this.#forget(lane, session);
  }

  #forget(lane: Lane, session: string): void {
    if (!lane.runningOf.has(session) && !lane.queues.has(session)) lane.tags.delete(session);
  }

  #enqueue(lane: Lane, ask: DoorAsk, position: number, estimatedWaitMs: number): DoorPlace {
    const { promise, waiter } = createWaiter(ask);
    const queue = lane.queues.get(ask.session);
    if (queue === undefined) lane.queues.set(ask.session, [waiter]);
    else queue.push(waiter);
    this.#waiting += 1;
    this.#alarm.by(waiter.lateAt);
    return {
      waiting: promise,
      position,
      estimatedWaitMs,
      withdraw: (error) => this.#drop(lane, waiter, error),
    };
  }

  /** Refuses whose deadline has passed; gives the next one. */
  #dropLate(): number {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      for (const waiter of [...lane.queues.values()].flat()) {
        if (waiter.lateAt > now) next = Math.min(next, waiter.lateAt);
        else this.#drop(lane, waiter, new CallError('QUEUE_TIMEOUT', 'the deadline passed before the run could begin'));
      }
    }
    return next;
  }

  /** Takes a waiter out of its queue; false when it was not there any more. */
  #remove(lane: Lane, waiter: Waiter): boolean {
    const { session } = waiter.ask;
    const queue = lane.queues.get(session);
    const index = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || index < 0) return false;
    queue.splice(index, 1);
    if (queue.length === 0) lane.queues.delete(session);
    this.#waiting -= 1;
    return true;
  }

  #drop(lane: Lane, waiter: Waiter, error: CallError): void {
    if (!this.#remove(lane, waiter)) return;
    this.#forget(lane, waiter.ask.session);
    waiter.refuse(error);
  }

  #pump(lane: Lane): void {
    for (let next = nextWaiter(lane); next !== undefined; next = nextWaiter(lane)) {
      if (next.ask.deadlineAt - Date.now() < lane.pace.workOf(next.ask.tool)) {
        this.#drop(
          lane,
          next,
          new CallError('QUEUE_TIMEOUT', 'too little time is left for the run when its turn came'),
        );
        continue;
      }
      this.#remove(lane, next);
      next.admit(this.#admit(lane, next.ask, performance.now() - next.since));
    }
  }

  /** The work that comes before the session's next place: its own, and of every other session as many runs as it has turns until then. */
  #estimateWait({ pace, queues }: Lane, session: string, position: number): number {
    let own = 0;
    let others = 0;
    for (const [other, queue] of queues) {
      const before = queue.slice(0, other === session ? position : position + 1);
      const work = before.reduce((sum, { ask }) => sum + pace.workOf(ask.tool), 0);
      if (other === session) own += work;
      else others += work;
    }
    return Math.round(Math.max(pace.waitFor(own + others), pace.waitFor(own, this.#options.sessionPermits)));
  }

  #refuseIfTooLong(lane: Lane, ask: DoorAsk, waitMs: number, position: number): void {
    const { pace, limit } = lane;
    const company = Math.max(0, waitMs > 0 ? Math.min(pace.running, limit) - 1 : pace.running);
    const runMs = pace.lengthOf(ask.tool, company);
    const leftMs = ask.deadlineAt - Date.now();
    if (waitMs + runMs <= leftMs) return;
    const reason = `a wait of about ${Math.round(waitMs)} ms (${position} before it) and a run of about ${Math.round(runMs)} ms do not fit the ${leftMs} ms left`;
    throw this.#overCapacity(lane, ask.provider, reason);
  }

  #overCapacity(lane: Lane, provider: string, reason: string): CallError {
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

function createWaiter(ask: DoorAsk): { promise: Promise<DoorPass>; waiter: Waiter } {
  let [admit, refuse]: [Waiter['admit'], Waiter['refuse']] = [() => undefined, () => undefined];
  const promise = new Promise<DoorPass>((resolve, reject) => {
    [admit, refuse] = [resolve, reject];
  });
  const since = performance.now();
  return { promise, waiter: { ask, since, lateAt: since + ask.deadlineAt - Date.now(), admit, refuse } };
}

function mayStart(lane: Lane, session: string): boolean {
  return !lane.runningOf.has(session) || lane.pace.running < lane.limit;
}

/** The head that goes next: of a session with nothing running, else of the session with the smallest tag while places are free. */
function nextWaiter(lane: Lane): Waiter | undefined {
  let best: Waiter | undefined;
  let bestTag = Number.POSITIVE_INFINITY;
  for (const [session, queue] of lane.queues) {
    const head = queue[0];
    if (head === undefined || !mayStart(lane, session)) continue;
    const tag = Math.max(lane.now, lane.tags.get(session) ?? 0);
    if (tag < bestTag || (tag === bestTag && best !== undefined && head.since < best.since)) {
      best = head;
      bestTag = tag;
    }
  }
  return best;
}

function draining(): CallError {
  return new CallError('SERVER_DRAINING', 'the server is ending and begins nothing new', { retryAfterMs: 5000 });
}
