import { medianOf } from '../src/statistics.ts';

/** One measured value and its limit. */
export interface Bar {
  name: string;
  value: number;
  op: '<=' | '>=' | 'in';
  limit: number | [number, number];
  ok: boolean;
}

const bars: Bar[] = [];

/** Judges and prints one value. */
export function bar(name: string, value: number, op: Bar['op'], limit: Bar['limit'], note: string): void {
  const ok = Number.isFinite(value) && holds(value, op, limit);
  bars.push({ name, value: Math.round(value * 1000) / 1000, op, limit, ok });
  console.log(
    `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(30)} ${value.toPrecision(4).padStart(9)}  ${op} ${String(limit)}   ${note}`,
  );
}

function holds(value: number, op: Bar['op'], limit: Bar['limit']): boolean {
  if (typeof limit !== 'number') return value >= limit[0] && value <= limit[1];
  return op === '<=' ? value <= limit : value >= limit;
}

/** Takes over values that another process judged and printed. */
export function addBars(judged: readonly Bar[]): void {
  bars.push(...judged);
}

/** Every value so far. */
export function allBars(): readonly Bar[] {
  return bars;
}

/** The smallest and the largest value. */
export function spread(values: readonly number[]): string {
  return `${Math.min(...values).toPrecision(3)} to ${Math.max(...values).toPrecision(3)}`;
}

/** The median; `NaN` without values. */
export function median(values: readonly number[]): number {
  return medianOf(values) ?? Number.NaN;
}
