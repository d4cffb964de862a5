interface Bar {
  readonly name: string;
  readonly value: number;
  readonly op: '<=' | '>=' | '=';
  readonly limit: number;
  readonly ok: boolean;
}

const bars: Bar[] = [];

/** Judges one value. */
export function bar(name: string, op: Bar['op'], limit: number, value: number): void {
  const rounded = Number(value.toPrecision(4));
  const ok = op === '=' ? rounded === limit : op === '<=' ? rounded <= limit : rounded >= limit;
  bars.push({ name, value: rounded, op, limit, ok });
}

/** Prints every bar, a line each and as JSON; the process fails if one does not hold. */
export function printBars(bench: string): void {
  console.log();
  for (const { name, value, op, limit, ok } of bars)
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(40)} ${String(value).padStart(8)} ${op} ${limit}`);
  console.log(JSON.stringify({ bench, node: process.version, bars }));
  process.exitCode = bars.every(({ ok }) => ok) ? 0 : 1;
}
