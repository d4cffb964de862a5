/** Longest delay of one timer in Node and browsers: 2³¹ − 1 ms, almost 25 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Throws a `RangeError` unless the value is a positive integer; `Infinity` passes where it is allowed. */
export function checkPositiveInteger(name: string, value: unknown, allowInfinity = true): void {
  if (typeof value === 'number' && value > 0 && (Number.isSafeInteger(value) || (allowInfinity && value === Infinity)))
    return;
  throw new RangeError(`${name} must be a positive integer, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is a non-negative number of milliseconds, `Infinity` included. */
export function checkDuration(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new RangeError(`${name} must be a non-negative number of milliseconds, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is a non-negative integer or `Infinity`. */
export function checkCount(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && (Number.isSafeInteger(value) || value === Infinity)) return;
  throw new RangeError(`${name} must be a non-negative integer, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is a finite number. */
export function checkFinite(name: string, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value)) return;
  throw new RangeError(`${name} must be a finite number, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is a number above 0 and below infinity. */
export function checkPositive(name: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && value < Infinity) return;
  throw new RangeError(`${name} must be a positive number, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is a non-empty string. */
export function checkName(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new RangeError(`${name} must be a non-empty string, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is one of the words. */
export function checkWord(name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === 'string' && words.includes(value)) return;
  throw new RangeError(`${name} must be one of ${words.join(', ')}, got ${show(value)}`);
}

/** Throws a `RangeError` unless the value is an `AbortSignal` or absent. */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal) return;
  throw new RangeError(`signal must be an AbortSignal, got ${show(signal)}`);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
