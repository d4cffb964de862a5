const BINS = 10;

interface Bin {
  count: number;
  confidence: number;
  correct: number;
}

/**
 * Expected calibration error: the mean distance between stated confidence and the share that was right, over ten bins of
 * confidence. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3.
 */
export class Calibration {
  readonly #bins: readonly Bin[] = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, correct: 0 }));
  #count = 0;

  /** Adds one run: its probability of being right, 0 to 1, and whether it was. Others are ignored. */
  add(probability: number, correct: boolean): void {
    if (!(probability >= 0 && probability <= 1)) return;
    const bin = this.#bins[Math.min(BINS - 1, Math.floor(probability * BINS))];
    if (bin === undefined) return;
    bin.count += 1;
    bin.confidence += probability;
    bin.correct += correct ? 1 : 0;
    this.#count += 1;
  }

  /** The error, 0 to 1; undefined before the first run. */
  get error(): number | undefined {
    if (this.#count === 0) return undefined;
    return this.#bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.correct), 0) / this.#count;
  }
}
