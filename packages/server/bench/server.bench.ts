/** `npm run bench:server`: every bar of the server, its peers and lower bounds in the same call. `-- --full` for the long form. */
import { door, fairness, hung } from './fairness.ts';
import { goodput } from './goodput.ts';
import { heap } from './heap.ts';
import { overhead } from './overhead.ts';
import { portkey } from './portkey.ts';

/** One measured value against its limit. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly op: '<=' | '>=';
  readonly limit: number;
  readonly note: string;
}

type Part = (full: boolean) => Promise<Bar[]>;

const full = process.argv.includes('--full');
const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length);
/** Together run those that wait most of the time, and those whose values a busy machine does not change. */
const groups: readonly Readonly<Record<string, Part>>[] = full
  ? [{ overhead }, { heap }, { portkey }, { goodput }, { fairness }, { door }, { hung }]
  : [{ overhead }, { heap, portkey }, { door }, { goodput, fairness, hung }];
const bars: Bar[] = [];
const startedAt = performance.now();
for (const group of groups) {
  const parts = Object.entries(group).filter(([name]) => only === undefined || only === name);
  await Promise.all(parts.map(([name, part]) => measure(name, part)));
}
console.log(`     ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
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

async function measure(part: string, run: Part): Promise<void> {
  const began = performance.now();
  for (const bar of await run(full)) {
    bars.push(bar);
    const mark = isOk(bar) ? 'ok  ' : 'FAIL';
    const value = `${bar.value.toFixed(2).padStart(9)} ${bar.op} ${String(bar.limit).padEnd(4)}`;
    console.log(`${mark} ${bar.name.padEnd(26)} ${value} ${bar.note}`);
  }
  console.log(`     (${part}: ${((performance.now() - began) / 1000).toFixed(1)} s)`);
}
