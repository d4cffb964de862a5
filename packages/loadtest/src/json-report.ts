import type { RunResult } from './run-result.ts';

/** Writes a result as JSON, with its fields in a fixed order: the same result is the same file, byte for byte. */
export function renderJson(result: RunResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}
