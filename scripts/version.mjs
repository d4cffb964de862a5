// Turns the changesets into versions and CHANGELOGs, and carries the new version to the one place that spells it out.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

run('changeset', 'version');
const { version } = JSON.parse(readFileSync('packages/loadtest/package.json', 'utf8'));
const path = 'packages/loadtest/src/version.ts';
const text = readFileSync(path, 'utf8');
const written = text.replace(/VERSION = '[^']*'/, `VERSION = '${version}'`);
if (!written.includes(`VERSION = '${version}'`))
  throw new Error(`${path} spells out no version any more: take this step away`);
writeFileSync(path, written);
run('pnpm', 'install', '--lockfile-only');

function run(program, ...words) {
  const { status } = spawnSync(`node_modules/.bin/${program}`, words, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
