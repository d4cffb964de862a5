import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const START_MS = 30_000;

/** A Redis of our own in a temporary folder. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Ends the server as a crash would. */
  kill(): Promise<void>;
  /** Brings it back on the same port, with what it had written to its log unless it keeps none. */
  start(): Promise<void>;
  /** Sends a signal, such as SIGSTOP. */
  signal(name: NodeJS.Signals): void;
  close(): Promise<void>;
}

/** False, with one printed line, where Redis is not installed; an error where `EXAI_REQUIRE_SERVICES=1` is set. */
export function hasRedis(suite: string): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true;
  const line = `${suite} needs redis-server: apt-get install redis-server`;
  if (process.env['EXAI_REQUIRE_SERVICES'] === '1') throw new Error(line);
  console.log(`skipped: ${line}`);
  return false;
}

/** Starts a server; with `keepsData` it logs every write to disk, without it a restart finds nothing. */
export async function startRedis(options: { keepsData?: boolean; args?: string[] } = {}): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'exai-redis-'));
  const port = await freePort();
  const append =
    options.keepsData === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...append];
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    child = spawn('redis-server', [...args, ...(options.args ?? [])], { stdio: 'ignore' });
    const end = Date.now() + START_MS;
    while (!(await answers(port))) {
      if (Date.now() > end) throw new Error('redis-server did not start');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    start,
    signal: (name) => void child?.kill(name),
    async close() {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(String(data).startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}
