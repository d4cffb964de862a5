/** Starts what the cluster consists of: each program in the foreground, on a port of its own, with its files in one folder. */
import { type ChildProcess, execFile, spawn, type SpawnOptions, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Debian has it where only root's PATH leads. */
const NGINX = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
const START_MS = 60_000;
const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
const NGINX_CONF = new URL('nginx.conf.template', import.meta.url);
const execute = promisify(execFile);

/** A program that runs, and how it is ended. */
export interface Running {
  readonly name: string;
  readonly port: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** What Debian's packages would bring and is not there. */
export function missingPackages(): string[] {
  const needs: [string, boolean][] = [
    ['nginx-light', spawnSync(NGINX, ['-v']).status === 0],
    ['redis-server', spawnSync('redis-server', ['--version']).status === 0],
    ['postgresql', postgresFolder() !== undefined],
  ];
  return needs.filter(([, there]) => !there).map(([name]) => name);
}

export async function startRedis(folder: string): Promise<Running> {
  const port = await freePort();
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  return run('Redis', port, { folder, command: 'redis-server', args }, () =>
    execute('redis-cli', ['-p', `${port}`, 'ping']),
  );
}

export async function startPostgres(folder: string): Promise<Running> {
  const bin = postgresFolder() ?? '';
  const port = await freePort();
  const data = join(folder, 'postgres');
  // PostgreSQL refuses to run as root.
  const user = process.getuid?.() === 0 ? userId('postgres') : undefined;
  await mkdir(data, { mode: 0o700 });
  if (user !== undefined) await chown(data, user.uid, user.gid);
  const options = { ...user, cwd: data, env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' } };
  await execute(join(bin, 'initdb'), ['-D', data, '-U', 'exai', '-A', 'trust', '-E', 'UTF8', '--no-sync'], options);
  const args = ['-D', data, '-p', `${port}`, '-h', '127.0.0.1', '-k', data];
  return run('PostgreSQL', port, { folder, command: join(bin, 'postgres'), args, options, signal: 'SIGINT' }, () =>
    execute(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', `${port}`]),
  );
}

/** An EXAI server. `env` names what it shares with the other one. */
export async function startServer(
  name: string,
  folder: string,
  { env, baseURLs }: { env: Record<string, string>; baseURLs: string[] },
): Promise<Running> {
  const port = await freePort();
  const dataDir = join(folder, name.replace(' ', '-'));
  const options = { env: { PATH: process.env['PATH'], EXAI_WS_PORT: `${port}`, EXAI_DATA_DIR: dataDir, ...env } };
  const args = [...process.execArgv, SERVER, ...baseURLs];
  return run(name, port, { folder, command: process.execPath, args, options }, async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/readyz`);
    if (status !== 200) throw new Error(`/readyz says ${status}`);
  });
}

export async function startNginx(folder: string, servers: readonly Running[]): Promise<Running> {
  const port = await freePort();
  const values: Record<string, string> = { NGINX_LISTEN: `127.0.0.1:${port}` };
  servers.forEach((server, index) => (values[`SERVER_${index + 1}`] = `127.0.0.1:${server.port}`));
  const template = await readFile(NGINX_CONF, 'utf8');
  const conf = join(folder, 'nginx.conf');
  await writeFile(
    conf,
    template.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? ''),
  );
  const args = ['-p', folder, '-c', conf, '-e', 'stderr', '-g', 'daemon off;'];
  return run('nginx', port, { folder, command: NGINX, args }, () => fetch(`http://127.0.0.1:${port}/healthz`));
}

interface Program {
  readonly folder: string;
  readonly command: string;
  readonly args: string[];
  readonly options?: SpawnOptions;
  /** Ends it in order. */
  readonly signal?: NodeJS.Signals;
}

/** Starts a program and waits until `isReady` does not fail any more. What it says goes to a file, and it never outlives us. */
async function run(name: string, port: number, program: Program, isReady: () => Promise<unknown>): Promise<Running> {
  const { folder, command, args, options, signal: inOrder = 'SIGTERM' } = program;
  const log = join(folder, `${name.replace(' ', '-')}.log`);
  const output = openSync(log, 'w');
  const child = spawn(command, args, { ...options, stdio: ['ignore', output, output] });
  process.once('exit', () => child.kill('SIGKILL'));
  const stop = async (signal = inOrder): Promise<void> => {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  const until = Date.now() + START_MS;
  for (;;) {
    try {
      if (hasEnded(child)) throw new Error('it ended');
      await isReady();
      return { name, port, stop };
    } catch (cause) {
      if (!hasEnded(child) && Date.now() < until) await sleep(50);
      else {
        await stop('SIGKILL');
        throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8')}`, { cause });
      }
    }
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Where Debian has the programs of the newest PostgreSQL. */
function postgresFolder(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

function userId(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm'));
  if (line === null) throw new Error(`there is no user ${name} to run PostgreSQL as`);
  return { uid: Number(line[1]), gid: Number(line[2]) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
