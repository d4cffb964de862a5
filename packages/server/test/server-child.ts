import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Simulator } from '@exai/providers/simulator';
import { afterEach } from 'vitest';

import { until } from './test-server.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** The model calls that each journal says were completed, in order. */
export async function completedSteps(dataDir: string): Promise<Map<string, string[]>> {
  const steps = new Map<string, string[]>();
  const folder = join(dataDir, 'journals');
  for (const file of (await readdir(folder)).filter((name) => name.startsWith('run_'))) {
    const lines = (await readFile(join(folder, file), 'utf8')).trim().split('\n');
    const records = lines.slice(1).flatMap((line) => JSON.parse(line));
    const finished = records.filter((record: { type: string }) => record.type === 'model.finished');
    steps.set(
      file,
      finished.map(({ step, purpose, member }) => `${step} ${purpose} ${member ?? ''}`),
    );
  }
  return steps;
}

/** Configuration of a server in this process whose providers are a simulator of the test's. */
export function endpoints(simulator: Simulator) {
  return {
    glmApiKey: 'test.key',
    kimiApiKey: 'test-key',
    glmBaseURL: simulator.glm.baseURL,
    kimiBaseURL: simulator.kimi.baseURL,
  };
}

/** A server in a process of its own, by variables; killed with the test. */
export async function startChild(env: Record<string, string>): Promise<ChildProcess> {
  const script = new URL('server-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=@exai/source', '--import', 'tsx', script], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  await until(() => output.includes('listening') || child.exitCode !== null, 'the server process listens', 90_000);
  return child;
}
