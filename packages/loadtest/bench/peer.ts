import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The server that every client of the bench calls, in a process of its own. */
export interface Peer {
  child: ChildProcess;
  port: number;
  stubUrl: string;
  stubHttpUrl: string;
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
