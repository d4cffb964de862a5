import { CallError } from '../calls/call-error.ts';

/** Who asks to run what, and until when. */
export interface DoorAsk {
  readonly provider: string;
  readonly session: string;
  /** Names the kind of run, whose usual length is learned. */
  readonly tool: string;
  /** Epoch ms. */
  readonly deadlineAt: number;
  readonly signal: AbortSignal;
}

/** The right to run. `leave` is idempotent. */
export interface DoorPass {
  readonly waitedMs: number;
  leave(): void;
}

/** The answer of the door: a pass at once, or a place in the queue. */
export type DoorAnswer =
  | { readonly pass: DoorPass }
  | {
      readonly waiting: Promise<DoorPass>;
      /** Calls of the own session before it. */
      readonly position: number;
      readonly estimatedWaitMs: number;
    };

/** How many may run. */
export interface DoorOptions {
  /** Runs at once per provider, beside each session's first. */
  readonly maxRuns: Readonly<Record<string, number>>;
  /** Runs waiting, over all providers. */
  readonly maxWaiting: number;
}

interface Waiter {
  readonly ask: DoorAsk;
  readonly since: number;
  readonly admit: (pass: DoorPass) => void;
  readonly refuse: (error: CallError) => void;
  readonly timer: NodeJS.Timeout;
  readonly onAbort: () => void;
}

interface Lane {
  readonly limit: number;
  running: number;
  readonly runningOf: Map<string, number>;
  readonly queues: Map<string, Waiter[]>;
  /** Start-time fairness: the session with the smallest tag goes next. */
  readonly tags: Map<string, number>;
  now: number;
  /** Usual length of a run in ms, 0 while unknown. */
  usualMs: number;
}

const EWMA_WEIGHT = 0.2;
const MIN_RETRY_MS = 100;

/**
 * Admits runs before they begin, so that what has begun can finish.
 *
 * A session's first run on a provider starts at once, whatever others do. Further runs share `maxRuns` places of that provider,
 * handed out in turn between sessions and in order within one. A run is refused at once when the queue is full, or when the
 * estimated wait and its usual length do not fit its deadline. Nothing that has passed asks again, so passing cannot deadlock.
 */
export class RunDoor {
  readonly #lanes = new Map<string, Lane>();
  readonly #options: DoorOptions;
  readonly #usualOf = new Map<string, number>();
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
    for (const lane of this.#lanes.values()) sum += lane.running;
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
      if (lane.running >= lane.limit) this.#refuseIfTooLong(lane, ask, 0, position);
      return { pass: this.#admit(lane, ask, 0) };
    }
    if (this.#waiting >= this.#options.maxWaiting)
      throw this.#overCapacity(lane, ask.provider, 'the queue of runs is full');
    const estimatedWaitMs = estimateWait(lane, ask.session, position);
    this.#refuseIfTooLong(lane, ask, estimatedWaitMs, position);
    return { waiting: this.#enqueue(lane, ask), position, estimatedWaitMs };
  }

  /** Refuses everyone who waits and everyone who comes. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) {
      for (const waiter of [...lane.queues.values()].flat()) this.#drop(lane, waiter, draining());
    }
  }

  /** Places and queue of one provider. */
  lane(provider: string): { limit: number; running: number; waiting: number } {
    const lane = this.#lane(provider);
    let waiting = 0;
    for (const queue of lane.queues.values()) waiting += queue.length;
    return { limit: lane.limit, running: lane.running, waiting };
  }

  #lane(provider: string): Lane {
    const known = this.#lanes.get(provider);
    if (known !== undefined) return known;
    const limit = this.#options.maxRuns[provider] ?? Number.POSITIVE_INFINITY;
    const lane: Lane = {
      limit,
      running: 0,
      runningOf: new Map(),
      queues: new Map(),
      tags: new Map(),
      now: 0,
      usualMs: 0,
    };
    this.#lanes.set(provider, lane);
    return lane;
  }

  #admit(lane: Lane, ask: DoorAsk, waitedMs: number): DoorPass {
    lane.running += 1;
    lane.runningOf.set(ask.session, (lane.runningOf.get(ask.session) ?? 0) + 1);
    const tag = Math.max(lane.now, lane.tags.get(ask.session) ?? 0);
    lane.now = tag;
    lane.tags.set(ask.session, tag + 1);
    const startedAt = performance.now();
    let left = false;
    return {
      waitedMs,
      leave: () => {
        if (left) return;
        left = true;
        this.#learn(lane, ask, performance.now() - startedAt);
        this.#leave(lane, ask.session);
      },
    };
  }

  #leave(lane: Lane, session: string): void {
    lane.running -= 1;
    const rest = (lane.runningOf.get(session) ?? 1) - 1;
    if (rest > 0) lane.runningOf.set(session, rest);
    else lane.runningOf.delete(session);
    this.#pump(lane);
    this.#forget(lane, session);
  }

  #forget(lane: Lane, session: string): void {
    if (!lane.runningOf.has(session) && !lane.queues.has(session)) lane.tags.delete(session);
  }

  #learn(lane: Lane, ask: DoorAsk, ranMs: number): void {
    lane.usualMs = smooth(lane.usualMs, ranMs);
    const key = `${ask.provider} ${ask.tool}`;
    this.#usualOf.set(key, smooth(this.#usualOf.get(key) ?? 0, ranMs));
  }

  #enqueue(lane: Lane, ask: DoorAsk): Promise<DoorPass> {
    return new Promise((admit, refuse) => {
      const tooLate = (): void =>
        this.#drop(lane, waiter, new CallError('QUEUE_TIMEOUT', 'the deadline passed before the run could begin'));
      const waiter: Waiter = {
        ask,
        since: performance.now(),
        admit,
        refuse,
        timer: setTimeout(tooLate, Math.max(0, ask.deadlineAt - Date.now())),
        onAbort: () => this.#drop(lane, waiter, CallError.from(ask.signal.reason)),
      };
      const queue = lane.queues.get(ask.session);
      if (queue === undefined) lane.queues.set(ask.session, [waiter]);
      else queue.push(waiter);
      this.#waiting += 1;
      ask.signal.addEventListener('abort', waiter.onAbort, { once: true });
    });
  }

  /** Takes a waiter out of its queue; false when it was not there any more. */
  #remove(lane: Lane, waiter: Waiter): boolean {
    const { session, signal } = waiter.ask;
    const queue = lane.queues.get(session);
    const index = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || index < 0) return false;
    queue.splice(index, 1);
    if (queue.length === 0) lane.queues.delete(session);
    this.#waiting -= 1;
    clearTimeout(waiter.timer);
    signal.removeEventListener('abort', waiter.onAbort);
    return true;
  }

  #drop(lane: Lane, waiter: Waiter, error: CallError): void {
    if (!this.#remove(lane, waiter)) return;
    this.#forget(lane, waiter.ask.session);
    waiter.refuse(error);
  }

  #pump(lane: Lane): void {
    for (let next = nextWaiter(lane); next !== undefined; next = nextWaiter(lane)) {
      if (next.ask.deadlineAt - Date.now() < this.#usual(next.ask)) {
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

  #usual(ask: DoorAsk): number {
    return this.#usualOf.get(`${ask.provider} ${ask.tool}`) ?? 0;
  }

  #refuseIfTooLong(lane: Lane, ask: DoorAsk, waitMs: number, position: number): void {
    const needMs = waitMs + this.#usual(ask);
    const leftMs = ask.deadlineAt - Date.now();
    if (needMs <= leftMs) return;
    const reason = `a wait of about ${Math.round(waitMs)} ms (${position} before it) and a usual run do not fit the ${leftMs} ms left`;
    throw this.#overCapacity(lane, ask.provider, reason);
  }

  #overCapacity(lane: Lane, provider: string, reason: string): CallError {
    const places = Number.isFinite(lane.limit) ? lane.limit : lane.running;
    const turnMs = lane.usualMs / Math.max(1, places);
    const spread = 0.8 + Math.random() * 0.4;
    return new CallError('OVER_CAPACITY', `no run can be admitted for ${provider}: ${reason}`, {
      retryAfterMs: Math.round(Math.max(MIN_RETRY_MS, turnMs * (this.#waiting + 1)) * spread),
      details: {
        tier: 'door',
        provider,
        limit: places,
        inFlight: lane.running,
        queued: this.#waiting,
        queueLimit: this.#options.maxWaiting,
      },
    });
  }
}

function mayStart(lane: Lane, session: string): boolean {
  return !lane.runningOf.has(session) || lane.running < lane.limit;
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

/** Turns that come before the session's next place, at the usual pace. */
function estimateWait(lane: Lane, session: string, position: number): number {
  let ahead = position;
  for (const [other, queue] of lane.queues) if (other !== session) ahead += Math.min(queue.length, position + 1);
  const pace = lane.usualMs / Math.max(1, Math.max(lane.running, Number.isFinite(lane.limit) ? lane.limit : 1));
  return Math.round((ahead + 1) * pace);
}

function smooth(mean: number, sample: number): number {
  return mean === 0 ? sample : mean + EWMA_WEIGHT * (sample - mean);
}

function draining(): CallError {
  return new CallError('SERVER_DRAINING', 'the server is ending and begins nothing new', { retryAfterMs: 5000 });
}
