/** `npm run bench:server`: every bar of the server, its peers and lower bounds in the same call. `-- --full` for the long form. */
import { fairness, hung } from './fairness.ts';
import { goodput } from './goodput.ts';
import { heap, overhead } from './overhead.ts';
import { portkey } from './portkey.ts';

/** One measured value against its limit. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly op: '<=' | '>=';
  readonly limit: number;
  readonly note: string;
}

const full = process.argv.includes('--full');
const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length);
const parts = { overhead, heap, fairness, hung, goodput, portkey };
const bars: Bar[] = [];
for (const [name, measure] of Object.entries(parts)) {
  if (only !== undefined && only !== name) continue;
  const startedAt = performance.now();
  for (const bar of await measure(full)) {
    bars.push(bar);
    const mark = isOk(bar) ? 'ok  ' : 'FAIL';
    console.log(
      `${mark} ${bar.name.padEnd(28)} ${bar.value.toFixed(2).padStart(9)} ${bar.op} ${String(bar.limit).padEnd(5)} ${bar.note}`,
    );
  }
  console.log(`     (${name}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
}
const result = bars.map(({ name, value, op, limit }) => ({
  name,
  value: Number.isFinite(value) ? Math.round(value * 100) / 100 : null,
  op,
  limit,
  ok: isOk({ name, value, op, limit, note: '' }),
}));
console.log(JSON.stringify({ bench: 'server', node: process.version, bars: result }));
process.exit(result.every(({ ok }) => ok) ? 0 : 1);

function isOk({ value, op, limit }: Bar): boolean {
  return op === '<=' ? value <= limit : value >= limit;
}
