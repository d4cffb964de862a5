import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { ErrorCode } from '@exai/server/protocol';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const page = read('docs/errors.md');

/** The members of a union of string literals, as its source spells it. */
function unionOf(path: string, name: string): string[] {
  const body = new RegExp(`export type ${name} =([^;]+);`).exec(read(path))?.[1] ?? '';
  return [...body.matchAll(/'([A-Z_]+)'/g)].map((match) => match[1] ?? '');
}

/** The codes of a section's table. */
function documented(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1] ?? '');
}

describe('docs/errors.md', () => {
  it.each([
    ['`AcquireError`', unionOf('packages/semaphore/src/acquire-error.ts', 'AcquireErrorCode')],
    [
      '`SharedAdmissionError`',
      unionOf('packages/semaphore/src/redis/shared-admission-error.ts', 'SharedAdmissionErrorCode'),
    ],
    ['`ProviderError`', unionOf('packages/providers/src/chat/provider-error.ts', 'ProviderErrorCode')],
    ['`WorkflowError`', unionOf('packages/workflow/src/workflow-error.ts', 'WorkflowErrorCode')],
    ['`EvidenceError`', unionOf('packages/workflow/src/evidence/evidence-error.ts', 'EvidenceErrorCode')],
    ['`MetricsError`', unionOf('packages/metrics/src/metrics-error.ts', 'MetricsErrorCode')],
    ['On the wire', [...ErrorCode.options]],
    ['`LoadTestError`', unionOf('packages/loadtest/src/load-test-error.ts', 'LoadTestErrorCode')],
  ])('lists every code of %s and none else', (heading, codes) => {
    expect(codes.length).toBeGreaterThan(4);
    expect(documented(heading).sort()).toEqual([...codes].sort());
  });
});
