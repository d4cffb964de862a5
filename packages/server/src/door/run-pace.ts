import { ChurnMap } from '../calls/churn-map.ts';

/** Runs that make what is usual: the plain mean of the first ones, then the newest has this part of it. */
const USUAL_OF = 5;

/** The permits that the runs of a provider share. */
export interface PacePermits {
  /** Model calls of the provider at once; may change. */
  readonly provider: () => number;
  /** Model calls of one session at once. */
  readonly session: number;
}

/** The runs of one session. */
interface Share {
  running: number;
  /** Work that one of them would have done since the first of them began, in ms. */
  progress: number;
}

/**
 * Knows how fast runs of one provider get on.
 *
 * Sessions take turns at the provider's permits, so a run gets on at the rate min(1, p / n), where the `n` runs of its session have the
 * `p` permits that are its session's fair part. The sum of that rate over the life of a run is its work: the time it would have taken
 * with a permit whenever it wanted one. That is what is learned, since the length of a run says more about its company than about itself.
 */
export class RunPace {
  readonly #permits: PacePermits;
  readonly #usualOf = new Map<string, Usual>();
  readonly #shares = new ChurnMap<string, Share>();
  readonly #usual = new Usual();
  /** Error of the expected lengths, as a share of them. */
  readonly #error = new Usual();
  #running = 0;
  #at = performance.now();

  constructor(permits: PacePermits) {
    this.#permits = permits;
  }

  get running(): number {
    return this.#running;
  }

  /** Sessions with a run. */
  get sessions(): number {
    return this.#shares.size;
  }

  runningOf(session: string): number {
    return this.#shares.get(session)?.running ?? 0;
  }

  /** A run begins. The returned function ends it, once; only one that was `completed` shows how much work such a run is. */
  begin(session: string, tool: string): (completed: boolean) => void {
    this.#advance();
    const share = this.#shares.get(session) ?? { running: 0, progress: 0 };
    if (share.running === 0) this.#shares.set(session, share);
    share.running += 1;
    this.#running += 1;
    const expectedMs = this.#usualOf.has(tool) ? this.lengthOf(tool, session) : 0;
    const [from, at] = [share.progress, this.#at];
    return (completed) => {
      this.#advance();
      share.running -= 1;
      this.#running -= 1;
      if (share.running === 0) this.#shares.delete(session);
      if (completed) this.#learn(tool, share.progress - from, (this.#at - at) / expectedMs);
    };
  }

  /** Work of a usual run of this tool in ms; that of any run while none of this tool is known, 0 while nothing is. */
  workOf(tool: string): number {
    return (this.#usualOf.get(tool) ?? this.#usual).mean;
  }

  /**
   * How long a run of this tool takes in the company of now, with `joining` more runs in its session, in ms.
   *
   * It is the mean of two answers: by its session's part of the permits as it is now, and by an even part for every run. In the course of a
   * run the first becomes the second, since sessions with few runs are the next to get more; each alone is wrong more often.
   */
  lengthOf(tool: string, session: string, joining: 0 | 1 = 0): number {
    const work = this.workOf(tool);
    const running = this.#running + joining;
    const ofSession = Math.max(1, this.runningOf(session) + joining);
    const part = Math.min(this.#demandOf(ofSession), this.#level(session, joining));
    const evenly = Math.max(1, running / this.#permits.provider());
    return work === 0 ? 0 : (work * (ofSession / part + evenly)) / 2;
  }

  /**
   * The time to leave for what is expected to take so long, in ms: their mean error on top, within which 79 % end when errors are normal.
   * More would refuse many that end in time where a machine's speed changes; less lets in many that end late.
   */
  safely(expectedMs: number): number {
    return expectedMs * (1 + this.#error.mean);
  }

  /** How long it takes until so much work is done by at most `permits` at once, and a place is free after it, in ms. */
  waitFor(work: number, permits = Number.POSITIVE_INFINITY): number {
    return (work + this.#usual.mean) / Math.min(permits, this.#permits.provider());
  }

  #learn(tool: string, work: number, ofExpected: number): void {
    const known = this.#usualOf.get(tool) ?? new Usual();
    this.#usualOf.set(tool, known);
    for (const usual of [known, this.#usual]) usual.add(work);
    // Without an expectation nothing was wrong, and one that hung says little about the next ones.
    if (Number.isFinite(ofExpected)) this.#error.add(Math.min(1, Math.abs(ofExpected - 1)));
  }

  #advance(): void {
    const now = performance.now();
    const passedMs = now - this.#at;
    this.#at = now;
    const level = this.#level();
    for (const share of this.#shares.values()) {
      share.progress += (passedMs * Math.min(this.#demandOf(share.running), level)) / share.running;
    }
  }

  /** Permits of each session that could use more, when those that others leave are shared evenly; `Infinity` when there are enough. */
  #level(session = '', joining = 0): number {
    const permits = this.#permits.provider();
    if (this.#running + joining <= permits) return Number.POSITIVE_INFINITY;
    const isNew = joining > 0 && !this.#shares.has(session);
    for (let level = 0; ;) {
      let [left, hungry] = [permits, 0];
      const take = (running: number): void => {
        const demand = this.#demandOf(running);
        if (demand <= level) left -= demand;
        else hungry += 1;
      };
      for (const [name, { running }] of this.#shares) take(name === session ? running + joining : running);
      if (isNew) take(joining);
      if (hungry === 0) return Number.POSITIVE_INFINITY;
      if (left / hungry <= level) return level;
      level = left / hungry;
    }
  }

  #demandOf(running: number): number {
    return Math.min(running, this.#permits.session);
  }
}

/** A mean that follows what changes. */
class Usual {
  #count = 0;
  mean = 0;

  add(sample: number): void {
    this.#count = Math.min(this.#count + 1, USUAL_OF);
    this.mean += (sample - this.mean) / this.#count;
  }
}
