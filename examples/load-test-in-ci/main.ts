/** Rehearses `load-test.yml`: runs its load tests, as they stand there but shorter, against two servers of this machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createServer } from '@exai/server';
import { parse } from 'yaml';

const BIN = fileURLToPath(new URL('bin.ts', import.meta.resolve('@exai/loadtest')));
/** How this process was started; the loader is found from any folder. */
const NODE = [process.execPath, ...process.execArgv.map((word) => (word === 'tsx' ? import.meta.resolve(word) : word))];
const quiet = { port: 0, store: 'memory', audit: false, simTimeScale: 0.01 } as const;

const workflow = parse(await readFile(new URL('load-test.yml', import.meta.url), 'utf8'));
const steps: { name?: string; run?: string }[] = workflow.jobs['load-test'].steps;
const before = await (await createServer(quiet)).listen();
const after = await (await createServer(quiet)).listen();
const folder = await mkdtemp(join(tmpdir(), 'exai-ci-'));

for (const { name, run } of steps) {
  if (run?.includes('@exai/loadtest') !== true) continue;
  const shell = run
    .replaceAll('npx -y @exai/loadtest', [...NODE, BIN].map(quote).join(' '))
    .replaceAll(':8079/', `:${before.port}/`)
    .replaceAll(':8080/', `:${after.port}/`)
    .replaceAll('--duration 20s', `--duration ${run.includes('--repeat') ? '0.5s' : '4s'}`);
  const { code, output } = await execute(shell);
  const verdict = output.trim().split('\n').at(-1) ?? '';
  console.log(`${name}: exit ${String(code)}\n  ${verdict}`);
  if (code !== 0) console.log(output);
}
await Promise.all([before.close({ graceMs: 1000 }), after.close({ graceMs: 1000 })]);
await rm(folder, { recursive: true });

/** As GitHub runs it: bash, ending at the first failure. */
async function execute(shell: string): Promise<{ code: unknown; output: string }> {
  const child = spawn('bash', ['-e', '-c', shell], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code, output };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
