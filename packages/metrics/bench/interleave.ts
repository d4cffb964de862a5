/** One side of a comparison: does its work once and tells what it cost. */
export type Side = () => Promise<number>;

/** Medians of two sides measured in turn, and how far the rounds lie apart. */
export interface Comparison {
  readonly without: number;
  readonly with: number;
  /** Added cost in percent: the median of the rounds' ratios, so that a slow moment of the machine hits both sides. */
  readonly percent: number;
  /** Lowest and highest percent of a round. */
  readonly spread: readonly [number, number];
}

/** Measures both sides in turn, `rounds` times, and changes who goes first each round. */
export async function interleave(rounds: number, without: Side, withIt: Side): Promise<Comparison> {
  await without();
  await withIt();
  const pairs: { without: number; with: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const first = round % 2 === 0;
    const a = await (first ? without() : withIt());
    const b = await (first ? withIt() : without());
    pairs.push(first ? { without: a, with: b } : { without: b, with: a });
  }
  const percents = pairs.map((pair) => (pair.with / pair.without - 1) * 100);
  return {
    without: median(pairs.map((pair) => pair.without)),
    with: median(pairs.map((pair) => pair.with)),
    percent: median(percents),
    spread: [Math.min(...percents), Math.max(...percents)],
  };
}

/** The middle value; of an even number the upper one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
