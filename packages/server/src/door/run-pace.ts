/** Share of a newest run in what is usual. */
const WEIGHT = 0.2;

/**
 * Knows how fast runs of one provider get on.
 *
 * Runs share the provider's permits, so a run among many takes longer than one alone, and its length says more about its company than about
 * itself. What is learned is therefore its work: the time it would have taken with a permit whenever it wanted one. With `n` runs at `c`
 * permits every run gets on at the rate min(1, c / n), and the sum of that rate over its life is its work. Multiplied by the company of
 * now it says how long the next one takes, also when the last ones had more company or less.
 */
export class RunPace {
  readonly #permits: () => number;
  readonly #usualOf = new Map<string, number>();
  #usual = 0;
  #running = 0;
  /** Work that a run would have done since this was made. */
  #progress = 0;
  #at = performance.now();

  /** @param permits model calls of this provider at once; may change */
  constructor(permits: () => number) {
    this.#permits = permits;
  }

  get running(): number {
    return this.#running;
  }

  /** A run begins. The returned function ends it, once; only one that was `completed` shows how much work such a run is. */
  begin(tool: string): (completed: boolean) => void {
    this.#advance();
    this.#running += 1;
    const from = this.#progress;
    return (completed) => {
      this.#advance();
      this.#running -= 1;
      if (!completed) return;
      const work = this.#progress - from;
      this.#usual = smooth(this.#usual, work);
      this.#usualOf.set(tool, smooth(this.#usualOf.get(tool) ?? 0, work));
    };
  }

  /** Work of a usual run of this tool in ms; that of any run while none of this tool is known, 0 while nothing is. */
  workOf(tool: string): number {
    return this.#usualOf.get(tool) ?? this.#usual;
  }

  /** How long a run of this tool takes among `company` others, in ms. */
  lengthOf(tool: string, company: number): number {
    return this.workOf(tool) * Math.max(1, (company + 1) / this.#permits());
  }

  /** How long it takes until so much work is done by at most `permits` at once, and a place is free after it, in ms. */
  waitFor(work: number, permits = Number.POSITIVE_INFINITY): number {
    return (work + this.#usual) / Math.min(permits, this.#permits());
  }

  #advance(): void {
    const now = performance.now();
    this.#progress += (now - this.#at) * Math.min(1, this.#permits() / Math.max(1, this.#running));
    this.#at = now;
  }
}

function smooth(mean: number, sample: number): number {
  return mean === 0 ? sample : mean + WEIGHT * (sample - mean);
}
