import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { blocksOf, pages } from '../scripts/pages.mjs';

/** Where each command of the pages is run: a file, and the words in it that show so. A command that nothing runs says why. */
const RUN_BY: readonly (readonly [command: RegExp, file: string, words: string])[] = [
  [/^(\w+=\S+ )?npm start/, 'test/e2e/newcomer.test.ts', "spawn('npm', ['start']"],
  [/^npm run load -- run baseline/, 'test/e2e/newcomer.test.ts', 'npm run load -- run baseline'],
  [/^npm test( -- |$)/, '.ci/run', 'npm test'],
  [/^npm run check( |$)/, '.ci/run', 'npm run check'],
  [/^npm run example -- /, 'test/e2e/examples.test.ts', "'example', '--'"],
  [/^npm install (@exai\/|undici)/, 'test/e2e/stranger.ts', "'install'"],
  [/^(npx (-y )?@exai\/server|exai-server) stdio/, 'packages/server/test/stdio/stdio.test.ts', 'stdio'],
  [/^(npx (-y )?@exai\/server|exai-server)( serve &?)?$/, 'test/e2e/packages.test.ts', "'serve', '--port', '0'"],
  [/^npx @exai\/loadtest stub/, 'test/e2e/packages.test.ts', "'stub'"],
  [/^npx @exai\/loadtest run/, 'test/e2e/packages.test.ts', "'run', 'baseline'"],
  [
    /^(npx @exai\/loadtest|exai-loadtest) (explain|validate)/,
    'packages/loadtest/test/cli.test.ts',
    "['validate', 'mine.json']",
  ],
  [/^npx -p @exai\/providers exai-simulator/, 'test/e2e/packages.test.ts', "'exai-simulator', words"],
  [
    /^npx tsx packages\/metrics\/scripts\/generate-dashboards.ts/,
    'packages/metrics/test/dashboards.test.ts',
    'generate-dashboards',
  ],
  [/^promtool (check|test)/, 'packages/metrics/test/alerts.test.ts', "'promtool'"],
  [/^(printf|prometheus) /, 'packages/metrics/test/prometheus-stack.ts', "'prometheus'"],
  [/^npm run live/, 'test/live.test.ts', 'scripts/live.ts'],
  [/^npm run api$/, 'scripts/check.mjs', 'api-report.mjs'],
  [/^node scripts\/licences.mjs/, 'scripts/check.mjs', 'scripts/licences.mjs'],
  // Minutes long, and judged by ratios: run by hand, and by whoever changes what they measure.
  [/^npm run (bench|proof):/, 'package.json', '"bench:semaphore"'],
  // Asks questions.
  [/^npm run changeset$/, 'package.json', '"changeset": "changeset"'],
  [/^npm run soak/, 'test/e2e/soak.test.ts', 'soak'],
  [/^npm run (coverage|docs:api)/, '.github/workflows/ci.yml', 'npm run'],
];

const PROGRAMS = /^(\w+=\S+ )*(npm|npx|pnpm|node|prometheus|promtool|printf|curl|docker|exai-[a-z]+)( |$)/;

/** Every command of a page: the lines of its shell blocks, and what stands in backquotes and begins with a program. */
function commandsOf(page: string): string[] {
  const lines = blocksOf(page, ['sh', 'bash']).flatMap(({ code }) => code.split('\n'));
  const steps = blocksOf(page, ['yaml']).flatMap(({ code }) =>
    [...code.matchAll(/run: (.+)$/gm)].map((match) => match[1] ?? ''),
  );
  const prose = readFileSync(page, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  const quoted = [...prose.matchAll(/`([^`\n]+ [^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [...lines, ...steps, ...quoted]
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => PROGRAMS.test(line));
}

describe('the pages', () => {
  it('name no command that nothing runs', () => {
    const unknown = pages.flatMap((page) =>
      commandsOf(page)
        .filter((command) => !RUN_BY.some(([pattern]) => pattern.test(command)))
        .map((command) => `${page}: ${command}`),
    );
    expect(unknown).toEqual([]);
  });

  it.each(RUN_BY)('%s is run by %s', (_, file, words) => {
    expect(readFileSync(file, 'utf8')).toContain(words);
  });

  it('name every npm script that exists, and none else', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/npm run ([\w:-]+)/g)].map((m) => m[1] ?? ''),
    );
    expect(named.filter((name) => !(name in scripts) && !name.endsWith(':'))).toEqual([]);
  });

  it('link to files and headings that exist', () => {
    const dead = pages.flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)]
        .map((match) => match[1] ?? '')
        .filter((link) => !isThere(page, link))
        .map((link) => `${page}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  it('run our programs through the name of their package, never through a bare name', () => {
    for (const page of pages) expect(readFileSync(page, 'utf8'), page).not.toMatch(/npx (-y |--yes )?exai-/);
  });

  it('say nothing about how they came about', () => {
    for (const page of pages)
      expect(readFileSync(page, 'utf8'), page).not.toMatch(/\bTODO\b|\bFIXME\b|\/work\/|\/tmp\/exai\//);
  });
});

function isThere(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(target)) return false;
  return heading === undefined || headingsOf(target).includes(heading);
}

function headingsOf(page: string): string[] {
  const prose = readFileSync(page, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
