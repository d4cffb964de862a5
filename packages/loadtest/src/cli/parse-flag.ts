import { InvalidArgumentError } from 'commander';

import { parseDuration } from '../duration.ts';

/** Reads a positive whole number. @throws InvalidArgumentError */
export function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`must be a positive whole number, got ${text}`);
}

/** Reads a number above 0. @throws InvalidArgumentError */
export function parseFactor(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`must be a number above 0, got ${text}`);
}

/** Reads a duration such as `20s`, as milliseconds. @throws InvalidArgumentError */
export function parseTime(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
