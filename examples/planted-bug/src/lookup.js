const FRESH_MS = 60_000;

/** Looks prices up, at most as many at once as the pool has permits, and remembers each for a minute. */
export function createLookup({ pool, fetchPrice, now = Date.now }) {
  const known = new Map();

  return async function lookup(item) {
    await pool.acquire();
    const entry = known.get(item);
    if (entry && now() - entry.at < FRESH_MS) {
      return entry.price;
    }
    const price = await fetchPrice(item);
    known.set(item, { price, at: now() });
    pool.release();
    return price;
  };
}
