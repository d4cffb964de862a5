import { Calibration, PRIOR } from '../src/calibration.ts';
import { CONFIDENCE } from '../src/claim.ts';
import { seeded, type Rng } from './family.ts';

const MODELS = ['glm/a', 'glm/b', 'kimi/a'];
const TOOLS = ['debug', 'analyze', 'codereview', 'thinkdeep'];
const OUTCOMES = 300;
const COLD = 30;
const FRESH = 5_000;
const BINS = 10;

/** How well the calibration does in made-up worlds whose models deviate from the prior. */
export interface CalibrationScore {
  readonly ece: number;
  readonly worstEce: number;
  /** Brier score of the first outcomes, each predicted before it was known, minus that of the prior alone. */
  readonly coldMinusPrior: number;
  readonly worstCold: number;
}

/** Scores the calibration over worlds: in each, 300 outcomes are learned and 5,000 fresh claims are scored. */
export function scoreCalibration(worlds: number): CalibrationScore {
  const scores = Array.from({ length: worlds }, (_, seed) => scoreWorld(seeded(seed + 1)));
  return {
    ece: mean(scores.map(({ ece }) => ece)),
    worstEce: Math.max(...scores.map(({ ece }) => ece)),
    coldMinusPrior: mean(scores.map(({ cold }) => cold)),
    worstCold: Math.max(...scores.map(({ cold }) => cold)),
  };
}

function scoreWorld(rng: Rng): { readonly ece: number; readonly cold: number } {
  const truth = makeTruth(rng);
  const calibration = new Calibration();
  let cold = 0;
  for (let index = 0; index < OUTCOMES; index += 1) {
    const ask = draw(rng);
    const ok = rng.chance(truth(ask.model, ask.tool, ask.level));
    if (index < COLD) cold += brier(calibration.estimate(ask).p, ok) - brier(PRIOR[ask.level], ok);
    calibration.add({ ...ask, ok, weight: 1 });
  }
  return { ece: eceOf(rng, calibration, truth), cold: cold / COLD };
}

type Truth = (model: string, tool: string, level: (typeof CONFIDENCE)[number]) => number;

/** The prior, shifted and tilted for the world, and a little more for each model and tool. */
function makeTruth(rng: Rng): Truth {
  const shift = (rng.next() - 0.5) * 2.4;
  const slope = 0.6 + rng.next() * 0.8;
  const own = new Map([...MODELS, ...TOOLS].map((name) => [name, (rng.next() - 0.5) * 0.5]));
  return (model, tool, level) => {
    const logit =
      Math.log(PRIOR[level] / (1 - PRIOR[level])) * slope + shift + (own.get(model) ?? 0) + (own.get(tool) ?? 0);
    return 1 / (1 + Math.exp(-logit));
  };
}

function draw(rng: Rng): {
  readonly model: string;
  readonly tool: string;
  readonly level: (typeof CONFIDENCE)[number];
} {
  return {
    model: MODELS[rng.int(0, MODELS.length - 1)] ?? '',
    tool: TOOLS[rng.int(0, TOOLS.length - 1)] ?? '',
    level: CONFIDENCE[rng.int(0, CONFIDENCE.length - 1)] ?? 'low',
  };
}

/** Expected calibration error in ten bins of equal width. */
function eceOf(rng: Rng, calibration: Calibration, truth: Truth): number {
  const bins = Array.from({ length: BINS }, () => ({ n: 0, p: 0, ok: 0 }));
  for (let index = 0; index < FRESH; index += 1) {
    const ask = draw(rng);
    const { p } = calibration.estimate(ask);
    const bin = bins[Math.min(BINS - 1, Math.floor(p * BINS))];
    if (bin === undefined) continue;
    bin.n += 1;
    bin.p += p;
    bin.ok += rng.chance(truth(ask.model, ask.tool, ask.level)) ? 1 : 0;
  }
  return bins.reduce((sum, bin) => sum + Math.abs(bin.p - bin.ok), 0) / FRESH;
}

function brier(p: number, ok: boolean): number {
  return (p - (ok ? 1 : 0)) ** 2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
