// Installs the workspace when it is missing or older than the lockfile. Needs nothing but Node and npm.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const modifiedAt = (path) => statSync(new URL(path, root), { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (modifiedAt('node_modules/.modules.yaml') < modifiedAt('pnpm-lock.yaml')) {
  const { packageManager } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  console.log(`Installing the workspace with ${packageManager} (once per lockfile) ...`);
  const { status, stdout } = spawnSync(
    'npx',
    ['--yes', packageManager, 'install', '--frozen-lockfile', '--reporter=append-only'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      shell: process.platform === 'win32',
    },
  );
  if (status !== 0) {
    console.error(stdout.trim().split('\n').slice(-12).join('\n'));
    console.error('The install failed. Run it again by hand to see why: npx --yes ' + packageManager + ' install');
    process.exit(status ?? 1);
  }
}
