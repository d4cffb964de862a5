import { createLookup } from './src/lookup.js';
import { createPool } from './src/pool.js';
import { fetchPrice } from './src/prices.js';
import { formatPrice, total } from './src/report.js';

const pool = createPool(2);
const lookup = createLookup({ pool, fetchPrice });

const prices = [];
for (const item of ['tea', 'tea', 'tea', 'salt', 'rice']) {
  const price = await lookup(item);
  prices.push(price);
  console.log(formatPrice(item, price));
}
console.log(formatPrice('total', total(prices)));
