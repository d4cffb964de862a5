/** A source of numbers in [0, 1) that follow from a seed. Source: mulberry32, public domain. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A seed for the n-th of something, far from its neighbours'. Source: the finaliser of MurmurHash3. */
export function nthSeed(seed: number, name: string, n: number): number {
  let hash = seed >>> 0;
  for (let i = 0; i <= name.length; i += 1) {
    hash = Math.imul(hash ^ (i < name.length ? name.charCodeAt(i) : n), 0x85eb_ca6b) >>> 0;
    hash = (hash ^ (hash >>> 13)) >>> 0;
  }
  hash = Math.imul(hash, 0xc2b2_ae35) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A log-normal number with the given median and sigma. */
export function logNormal(random: () => number, median: number, sigma: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random()));
}
