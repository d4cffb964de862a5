// Builds every package, unless what is in dist was already built from these very sources. `--force` builds in any case.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
const stamp = join(root, 'node_modules', '.exai', 'built-from');

if (process.argv.includes('--force') || !isBuilt()) build();

/** True if every entry is there and nothing it is made from has changed since. */
function isBuilt() {
  const entries = packages.flatMap((path) => promised(readManifest(path)).map((file) => join(path, file)));
  if (!entries.every((file) => existsSync(file))) return false;
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function build() {
  const before = fingerprint();
  const pnpm = join(root, 'node_modules/.bin/pnpm');
  const args = ['-r', '--workspace-concurrency=2', '--filter', './packages/*', 'exec', 'tsup', '--silent'];
  const { status } = spawnSync(pnpm, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
  mkdirSync(join(stamp, '..'), { recursive: true });
  writeFileSync(stamp, before);
}

function fingerprint() {
  const hash = createHash('sha256');
  for (const name of ['tsup.base.ts', 'tsconfig.base.json', 'pnpm-lock.yaml'])
    hash.update(readFileSync(join(root, name)));
  for (const path of packages) {
    for (const name of ['package.json', 'tsup.config.ts', 'tsconfig.json']) hash.update(readFileSync(join(path, name)));
    for (const name of readdirSync(join(path, 'src'), { recursive: true, encoding: 'utf8' }).toSorted()) {
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(path, 'src', name)));
    }
  }
  return hash.digest('hex');
}

function readManifest(path) {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
}

/** The files in dist that a package.json promises. */
function promised({ exports, bin = {} }) {
  const files = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)));
  return [...files, ...Object.values(bin)].filter((file) => file.startsWith('./dist/'));
}
