import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

import type { Bar } from './bars.ts';

/** The server that every client of the bench calls, in a process of its own. */
export interface Peer {
  child: ChildProcess;
  port: number;
  /** Two stubs with five permits each. */
  stubs: { url: string; httpUrl: string }[];
}

/** Starts it. */
export function startPeer(): Promise<Peer> {
  const child = fork(fileURLToPath(new URL('peer-server.ts', import.meta.url)), [], {
    execArgv: ['--conditions=@exai/source', '--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the peer server ended')));
    child.stdout?.once('data', (data) => resolve({ child, ...JSON.parse(String(data)) }));
  });
}

const LEAST_URGENT = 19;

/** Runs simulations beside what mostly waits; resolves with what they were judged. */
export async function simulate(what: 'memory' | 'verdicts', flags: readonly string[]): Promise<Bar[]> {
  const child = fork(fileURLToPath(new URL('simulate.ts', import.meta.url)), [what, ...flags], {
    execArgv: ['--conditions=@exai/source', '--expose-gc', '--import', 'tsx'],
  });
  // It gives way to everything else from its first moment on.
  if (child.pid !== undefined) setPriority(child.pid, LEAST_URGENT);
  const ended = once(child, 'exit');
  const [bars] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => {
      throw new Error('the simulations ended without a result');
    }),
  ])) as [Bar[]];
  await ended;
  return bars;
}
