/** Longest delay of one timer in Node and browsers: 2³¹ − 1 ms, almost 25 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Throws a `RangeError` unless the value is a positive integer; `Infinity` passes where it is allowed. */
export function checkPositiveInteger(name: string, value: unknown, allowInfinity = true): void {
  check(isWhole(value, allowInfinity) && value > 0, name, 'a positive integer', value);
}

/** Throws a `RangeError` unless the value is a non-negative number of milliseconds, `Infinity` included. */
export function checkDuration(name: string, value: unknown): void {
  check(isNumber(value) && value >= 0, name, 'a non-negative number of milliseconds', value);
}

/** Throws a `RangeError` unless the value is a non-negative integer or `Infinity`. */
export function checkCount(name: string, value: unknown): void {
  check(isWhole(value, true) && value >= 0, name, 'a non-negative integer', value);
}

/** Throws a `RangeError` unless the value is a finite number. */
export function checkFinite(name: string, value: unknown): void {
  check(Number.isFinite(value), name, 'a finite number', value);
}

/** Throws a `RangeError` unless the value is a number above 0 and below infinity. */
export function checkPositive(name: string, value: unknown): void {
  check(isNumber(value) && value > 0 && value < Infinity, name, 'a positive number', value);
}

/** Throws a `RangeError` unless the value is a non-empty string. */
export function checkName(name: string, value: unknown): void {
  check(typeof value === 'string' && value !== '', name, 'a non-empty string', value);
}

/** Throws a `RangeError` unless the value is one of the words. */
export function checkWord(name: string, value: unknown, words: readonly string[]): void {
  check(typeof value === 'string' && words.includes(value), name, `one of ${words.join(', ')}`, value);
}

/** Throws a `RangeError` unless the value is an `AbortSignal` or absent. */
export function checkSignal(signal: unknown): void {
  const isSignal = typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal;
  check(signal === undefined || isSignal, 'signal', 'an AbortSignal', signal);
}

/** Throws a `RangeError` that names the argument, the rule and the value, unless the rule was kept. */
export function check(isKept: boolean, name: string, rule: string, value: unknown): void {
  if (isKept) return;
  throw new RangeError(
    `${name} must be ${rule}, got ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`,
  );
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isWhole(value: unknown, allowInfinity: boolean): value is number {
  return Number.isSafeInteger(value) || (allowInfinity && value === Infinity);
}
