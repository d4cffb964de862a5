/** One line of the report: the name padded to eight characters, the price in whole units. */
export function formatPrice(name, cents) {
  return `${name.padEnd(8)} ${(cents / 100).toFixed(2)}`;
}

/** The sum of all prices, in cents. */
export function total(prices) {
  let sum = 0;
  for (let i = 0; i < prices.length; i += 1) sum += prices[i];
  return sum;
}
