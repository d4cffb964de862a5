/** A seeded source of numbers: the same seed and stream give the same sequence on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** A whole number from 0 to `count` − 1. */
  below(count: number): number;
  /** Exponential with the given mean. */
  exponential(mean: number): number;
  /** Standard normal. */
  normal(): number;
  /** Gamma with the given shape and mean 1 (Marsaglia and Tsang, 2000). */
  gamma(shape: number): number;
  /** Fisher–Yates, in place. */
  shuffle<T>(values: T[]): T[];
}

/** Creates an independent stream of `seed`; streams with other names do not disturb it. */
export function createRandom(seed: number, stream = ''): Random {
  const next = sfc32(seed, stream);
  const between = (low: number, high: number): number => low + (high - low) * next();
  const below = (count: number): number => Math.floor(next() * count);
  const exponential = (mean: number): number => -mean * Math.log(1 - next());
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const gamma = (shape: number): number => {
    if (shape < 1) return (unscaledGamma(shape + 1, next, normal) * Math.pow(1 - next(), 1 / shape)) / shape;
    return unscaledGamma(shape, next, normal) / shape;
  };
  const shuffle = <T>(values: T[]): T[] => {
    for (let i = values.length - 1; i > 0; i -= 1) {
      const [moved] = values.splice(below(i + 1), 1);
      if (moved !== undefined) values.push(moved);
    }
    return values;
  };
  return { next, between, below, exponential, normal, gamma, shuffle };
}

function unscaledGamma(shape: number, next: () => number, normal: () => number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Chris Doty-Humphrey's small fast counter generator, 32 bits, seeded from an FNV-1a hash. */
function sfc32(seed: number, stream: string): () => number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}/${stream}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  let a = hash | 0;
  let b = (seed | 0) ^ 0x9e3779b9;
  let c = Math.imul(hash, 0x85ebca6b) | 0;
  let d = 1;
  const step = (): number => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return t >>> 0;
  };
  for (let i = 0; i < 16; i += 1) step();
  return () => step() / 4294967296;
}
