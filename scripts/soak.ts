/** `npm run soak -- --minutes 30`: a long run with every kind of fault; exits 1 if anything grew or a call got no end. */
import { parseArgs } from 'node:util';

import { findGrowth, soak } from './soak-run.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, cycle: { type: 'string', default: '10' } },
});
const result = await soak(Number(values.minutes) * 60_000, Number(values.cycle) * 1000, (sample) => {
  console.log(
    Object.entries(sample)
      .map(([name, value]) => `${name} ${value}`)
      .join('  '),
  );
});
const { samples: _, ...books } = result;
console.log(JSON.stringify(books));
const found = findGrowth(result);
console.log(found.length === 0 ? 'soak: everything stayed flat' : `soak: ${found.join('; ')}`);
process.exit(found.length === 0 ? 0 : 1);
