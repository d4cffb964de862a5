// Proves @exai/providers/ai-sdk on ai 7, which needs Node 22: packs this package, installs it beside ai in a temporary
// folder and runs prove-ai7-checks.mjs there, against the package's own simulator. Needs the registry, no key.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const AI = '7.0.173';
const home = fileURLToPath(new URL('..', import.meta.url));
const { devDependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'exai-ai7-'));
const run = (command, args, cwd = folder) => execFileSync(command, args, { cwd, stdio: 'inherit' });

try {
  console.log(`packing @exai/providers and installing it with ai@${AI} in ${folder}`);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: home, stdio: 'pipe' });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: { '@exai/providers': `file:${tarball}`, ai: AI, undici: devDependencies.undici },
    }),
  );
  run('npm', ['install', '--silent', '--no-audit', '--no-fund']);
  copyFileSync(new URL('prove-ai7-checks.mjs', import.meta.url), join(folder, 'checks.mjs'));
  run('npx', ['-y', '-p', 'node@22', 'node', 'checks.mjs']);
} catch (error) {
  console.error(`${error.message}\n${error.stderr ?? ''}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
