const CENTS = { tea: 349, salt: 89, rice: 219 };

/** Stands for a remote price service: answers after a short while, rejects for what it does not sell. */
export async function fetchPrice(item) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  const price = CENTS[item];
  if (price === undefined) throw new Error(`no price for ${item}`);
  return price;
}
