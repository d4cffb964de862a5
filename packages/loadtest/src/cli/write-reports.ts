import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { InvalidArgumentError, Option } from 'commander';

import { renderHtml } from '../html/html-report.ts';
import { renderJson } from '../json-report.ts';
import { renderJunit } from '../junit-report.ts';
import { renderMarkdown } from '../markdown-report.ts';
import type { RunResult } from '../run-result.ts';
import { unreachable } from '../unreachable.ts';

/** Kinds of report files. */
export const REPORT_FORMATS = ['json', 'html', 'junit', 'md'] as const;
/** See {@link REPORT_FORMATS}. */
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What the name of a report ends in. */
export const REPORT_EXTENSION: Readonly<Record<ReportFormat, string>> = {
  json: 'json',
  html: 'html',
  junit: 'junit.xml',
  md: 'md',
};

/** The flag that names kinds of reports. */
export function formatOption(otherwise: readonly ReportFormat[]): Option {
  return new Option('--format <formats>', `kinds of reports, of ${REPORT_FORMATS.join(',')}`)
    .argParser(parseFormats)
    .default(otherwise, otherwise.join(','));
}

function parseFormats(text: string): ReportFormat[] {
  return text.split(',').map((part) => {
    const found = REPORT_FORMATS.find((format) => format === part.trim());
    if (found) return found;
    throw new InvalidArgumentError(`must be some of ${REPORT_FORMATS.join(', ')}, got ${part}`);
  });
}

/** Writes the reports and returns their paths; the names never overwrite an earlier run. */
export function writeReports(result: RunResult, directory: string, formats: readonly ReportFormat[]): string[] {
  mkdirSync(directory, { recursive: true });
  const stamp = result.meta.startedAt.replaceAll(/[:.]/g, '-');
  return formats.map((format) => {
    const path = resolve(join(directory, `${result.scenario.name}-${stamp}.${REPORT_EXTENSION[format]}`));
    writeFileSync(path, render(result, format));
    return path;
  });
}

/** Writes a result in one format. */
export function render(result: RunResult, format: ReportFormat): string {
  switch (format) {
    case 'json':
      return renderJson(result);
    case 'html':
      return renderHtml(result);
    case 'junit':
      return renderJunit(result);
    case 'md':
      return renderMarkdown(result);
  }
  return unreachable(format);
}
