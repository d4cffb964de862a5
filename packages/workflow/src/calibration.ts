import { CONFIDENCE, type Confidence } from './claim.ts';

/** What a claim is calibrated by. */
export interface CalibrationAsk {
  readonly tool: string;
  /** `provider/id`. */
  readonly model: string;
  readonly level: Confidence;
}

/** How one run turned out. `weight` 1 for a fact, 0.5 for a reviewer's opinion. */
export interface Outcome extends CalibrationAsk {
  readonly ok: boolean;
  readonly weight: number;
}

/** A calibrated probability and the (weighted) number of outcomes behind it. */
export interface Calibrated {
  readonly p: number;
  readonly n: number;
}

interface Cell {
  ok: number;
  n: number;
}

/**
 * What a level is worth before any outcome is known: assumptions, on the sceptical side of what models claim. Even
 * `certain` lies below 0.8, so that nobody is spared a check before outcomes speak for it.
 */
export const PRIOR: Readonly<Record<Confidence, number>> = {
  exploring: 0.08,
  low: 0.18,
  medium: 0.35,
  high: 0.52,
  very_high: 0.64,
  almost_certain: 0.72,
  certain: 0.78,
};

/** Outcomes that weigh as much as what is known without them: of the prior, and of the coarser cell. */
const PRIOR_WEIGHT = 8;
const POOL_WEIGHT = 12;

/**
 * Maps the seven words to probabilities by what came of them: counts per level, pooled from all outcomes of the level
 * over those of the model to those of the tool, and never falling from one level to the next.
 */
export class Calibration {
  readonly #cells = new Map<string, Cell>();

  add({ tool, model, level, ok, weight }: Outcome): void {
    for (const key of [level, `${level} ${model}`, `${level} ${model} ${tool}`]) {
      const cell = this.#cells.get(key) ?? { ok: 0, n: 0 };
      cell.ok += ok ? weight : 0;
      cell.n += weight;
      this.#cells.set(key, cell);
    }
  }

  /** The probability that a claim of this level holds. */
  estimate({ tool, model, level }: CalibrationAsk): Calibrated {
    const raw = CONFIDENCE.map((each) => this.#pooled({ tool, model, level: each }));
    const p = monotone(raw)[CONFIDENCE.indexOf(level)] ?? PRIOR[level];
    return { p, n: this.#cell(`${level} ${model} ${tool}`).n };
  }

  #pooled({ tool, model, level }: CalibrationAsk): { readonly p: number; readonly weight: number } {
    const byLevel = this.#cell(level);
    const byModel = this.#cell(`${level} ${model}`);
    const byTool = this.#cell(`${level} ${model} ${tool}`);
    const first = shrink(byLevel, PRIOR[level], PRIOR_WEIGHT);
    const second = shrink(byModel, first, POOL_WEIGHT);
    return { p: shrink(byTool, second, POOL_WEIGHT), weight: byLevel.n + PRIOR_WEIGHT };
  }

  #cell(key: string): Cell {
    return this.#cells.get(key) ?? { ok: 0, n: 0 };
  }
}

function shrink(cell: Cell, toward: number, weight: number): number {
  return cell.n === 0 ? toward : (cell.ok + weight * toward) / (cell.n + weight);
}

/** Pool-adjacent-violators: the closest values that never fall. */
function monotone(values: readonly { readonly p: number; readonly weight: number }[]): number[] {
  const blocks: { p: number; weight: number; size: number }[] = [];
  for (const { p, weight } of values) {
    let block = { p, weight, size: 1 };
    for (let last = blocks.at(-1); last !== undefined && last.p > block.p; last = blocks.at(-1)) {
      blocks.pop();
      const sum = last.weight + block.weight;
      block = { p: (last.p * last.weight + block.p * block.weight) / sum, weight: sum, size: last.size + block.size };
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ p, size }) => Array.from({ length: size }, () => p));
}
