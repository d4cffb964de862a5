/** Kills a run in the middle of its work and goes on in another process: what was completed stays done, what was in flight is repeated with its key. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { fileStore } from '@exai/workflow';

import { createDeployment } from './deployment.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'exai-resume-'));
const worker = spawn(process.execPath, [...process.execArgv, WORKER, folder], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
const [, signal] = await once(worker, 'exit');
console.log(`the worker is gone: ${signal}`);

const { engine, deploy, close } = await createDeployment({
  store: fileStore(folder),
  say: (line) => console.log(line),
});
const run = engine.start(deploy, { prompt: 'Deploy three regions' }, { runId: 'deploy-42' });
const { stop, steps } = await run.result;
console.log(
  `stop: ${stop.kind} after ${steps} steps, ${stop.kind === 'complete' && stop.verified ? 'verified' : 'unverified'}`,
);
await close();
await rm(folder, { recursive: true });
