import { unreachable } from '../unreachable.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { InvalidArgumentError } from 'commander';

import { renderJson } from '../json-report.ts';
import type { RunResult } from '../run-result.ts';

/** Kinds of report files. */
export const REPORT_FORMATS = ['json'] as const;
/** See {@link REPORT_FORMATS}. */
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** Reads `json,html`. @throws InvalidArgumentError naming the formats that exist. */
export function parseFormats(text: string): ReportFormat[] {
  return text.split(',').map((part) => {
    const found = REPORT_FORMATS.find((format) => format === part.trim());
    if (found) return found;
    throw new InvalidArgumentError(`must be some of ${REPORT_FORMATS.join(', ')}, got ${part}`);
  });
}

/** Writes the reports and returns their paths. */
export function writeReports(result: RunResult, directory: string, formats: readonly ReportFormat[]): string[] {
  mkdirSync(directory, { recursive: true });
  const stamp = result.meta.startedAt.replaceAll(/[:.]/g, '-');
  return formats.map((format) => {
    const path = resolve(join(directory, `${result.scenario.name}-${stamp}.${format}`));
    writeFileSync(path, render(result, format));
    return path;
  });
}

function render(result: RunResult, format: ReportFormat): string {
  switch (format) {
    case 'json':
      return renderJson(result);
  }
  return unreachable(format);
}
