// Runs the unit tests of the four leaves under coverage, and names the files whose branches are reached least.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const { status } = spawnSync(
  'node_modules/.bin/vitest',
  ['run', '--coverage', '--config', 'vitest.coverage.ts', '--reporter=dot'],
  {
    stdio: 'inherit',
  },
);
const { total: _, ...files } = JSON.parse(readFileSync('coverage/coverage-summary.json', 'utf8'));
const rows = Object.entries(files).map(([path, { branches, lines }]) => ({
  path: relative('.', path),
  branches,
  lines,
}));
for (const name of ['semaphore', 'providers', 'workflow', 'metrics']) {
  const own = rows.filter(({ path }) => path.startsWith(`packages/${name}/`));
  const sum = (key) => own.reduce((total, { branches }) => total + branches[key], 0);
  console.log(`\n${name}: ${((100 * sum('covered')) / sum('total')).toFixed(1)} % of ${sum('total')} branches`);
  for (const { path } of own.filter(({ lines }) => lines.total > 0 && lines.covered === 0))
    console.log(`  untested: ${path}`);
  const thin = own.filter(({ branches, lines }) => branches.pct < 80 && lines.covered > 0);
  for (const { path, branches } of thin.toSorted((a, b) => a.branches.pct - b.branches.pct))
    console.log(`  ${path}: ${branches.pct} % of ${branches.total}`);
}
process.exit(status ?? 1);
