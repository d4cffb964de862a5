// Packs every package as a release would, and asks publint and attw whether what its package.json promises is there and typed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const home = mkdtempSync(join(tmpdir(), 'exai-packed-'));
const bin = (name) => resolve('node_modules/.bin', name);
let broken = 0;

// What was built is packed: the hook that would build it again is skipped.
for (const name of readdirSync('packages')) {
  const cwd = join('packages', name);
  await run(bin('pnpm'), ['pack', '--config.ignore-scripts=true', '--pack-destination', home], cwd);
}
for (const file of readdirSync(home).filter((name) => name.endsWith('.tgz'))) {
  const tarball = join(home, file);
  await Promise.all([
    run(bin('publint'), ['--strict', tarball]),
    // ES modules only: see docs/decisions/0003-esm-only.md. A JSON schema has no types.
    run(bin('attw'), ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--quiet', tarball]),
  ]);
  console.log(`packed ${file}`);
}
rmSync(home, { recursive: true, force: true });
process.exit(broken > 0 ? 1 : 0);

function run(program, words, cwd) {
  const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((done) => {
    child.on('close', (status) => {
      if (status !== 0) {
        broken += 1;
        console.error(`${program} ${words.join(' ')}\n${output.trim()}\n`);
      }
      done();
    });
  });
}
