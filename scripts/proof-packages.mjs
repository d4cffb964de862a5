// Installs the packed packages as a stranger would, on each supported major version of Node: `npm run proof:packages -- 22 24` runs some.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const versions = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['20', '22', '24'];
const home = mkdtempSync(join(tmpdir(), 'exai-nodes-'));
const failed = [];
run(process.execPath, ['scripts/build.mjs']);

for (const version of versions) {
  const prefix = join(home, version);
  // The npm package `node` is Node itself.
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', prefix, `node@${version}`]);
  const node = join(prefix, 'node_modules/node/bin/node');
  console.log(`\nNode ${run(node, ['--version'], 'pipe').stdout.trim()}`);
  const words = ['run', '--project', 'processes', 'test/e2e/packages.test.ts'];
  const { status } = spawnSync('node_modules/.bin/vitest', words, {
    stdio: 'inherit',
    env: { ...process.env, EXAI_NODE: node },
  });
  if (status !== 0) failed.push(version);
}
rmSync(home, { recursive: true, force: true });
console.log(
  `\npackages: Node ${versions.join(', ')}; ${failed.length === 0 ? 'all passed' : `failed on ${failed.join(', ')}`}`,
);
process.exit(failed.length > 0 ? 1 : 0);

function run(program, words, stdio = 'inherit') {
  const done = spawnSync(program, words, { stdio, encoding: 'utf8' });
  if (done.status !== 0) {
    console.error(`${program} ${words.join(' ')} ended with ${done.status ?? done.error}`);
    process.exit(2);
  }
  return done;
}
