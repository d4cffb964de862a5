import { findFaults } from './json-schema.ts';
import { LoadTestError } from './load-test-error.ts';
import { REPORT_SCHEMA } from './report-schema.ts';
import type { RunResult } from './run-result.ts';

/** Checks a report that was read from a file. @throws LoadTestError INVALID_REPORT with the fields, the rules and the values */
export function parseReport(input: unknown): RunResult {
  const faults = findFaults(REPORT_SCHEMA, input);
  if (faults.length > 0) throw new LoadTestError('INVALID_REPORT', faults.slice(0, 10).join('; '));
  // The schema has just proven the shape.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return input as RunResult;
}
