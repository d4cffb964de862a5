import { spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';
import { freePort } from './free-port.ts';

const START_MS = 60_000;

/** A PostgreSQL of our own in a temporary folder. */
export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  /** Runs SQL as the superuser, in the given database. */
  sql(text: string, values?: unknown[], database?: string): Promise<Record<string, unknown>[]>;
  /** A new, empty database; its URL. */
  database(): Promise<string>;
  /** Stops the server at once, as a crash would; `start` brings it back on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Folder of Debian's newest PostgreSQL programs, or of those on the PATH. */
function binaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).toSorted((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(root, version, 'bin')).find((dir) => existsSync(join(dir, 'initdb')));
  if (found !== undefined) return found;
  const which = spawnSync('which', ['initdb'], { encoding: 'utf8' });
  return which.status === 0 ? join(which.stdout.trim(), '..') : undefined;
}

/** False, with one printed line, where PostgreSQL is not installed; an error where `EXAI_REQUIRE_SERVICES=1` is set. */
export function hasPostgres(suite: string): boolean {
  if (binaries() !== undefined) return true;
  const line = `${suite} needs PostgreSQL: apt-get install postgresql`;
  if (process.env['EXAI_REQUIRE_SERVICES'] === '1') throw new Error(line);
  console.log(`skipped: ${line}`);
  return false;
}

/** PostgreSQL refuses to run as root: the ids of a user it may run as. */
function runAs(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) throw new Error('no user postgres or nobody to run PostgreSQL as');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** Makes and starts a PostgreSQL. Syncing is off: no test here takes the power away. */
export async function startPostgres(): Promise<TestPostgres> {
  const bin = binaries();
  if (bin === undefined) throw new Error('PostgreSQL is not installed');
  const user = runAs();
  const dir = await mkdtemp(join(tmpdir(), 'exai-postgres-'));
  if (user !== undefined) await chown(dir, user.uid, user.gid);
  const data = join(dir, 'data');
  const options: SpawnOptions = { ...user, cwd: dir, env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' } };
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'exai', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...options, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stdout}${made.stderr}`);
  const server = new Server(bin, dir, data, await freePort(), options);
  await server.start();
  return server;
}

class Server implements TestPostgres {
  readonly port: number;
  readonly #bin: string;
  readonly #dir: string;
  readonly #data: string;
  readonly #options: SpawnOptions;
  #child: ReturnType<typeof spawn> | undefined;
  #databases = 0;

  constructor(bin: string, dir: string, data: string, port: number, options: SpawnOptions) {
    this.#bin = bin;
    this.#dir = dir;
    this.#data = data;
    this.port = port;
    this.#options = options;
  }

  get url(): string {
    return this.#urlOf('postgres');
  }

  async start(): Promise<void> {
    const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=120', 'shared_buffers=32MB'];
    const flags = settings.flatMap((setting) => ['-c', setting]);
    const args = ['-D', this.#data, '-p', String(this.port), '-h', '127.0.0.1', '-k', this.#dir, ...flags];
    this.#child = spawn(join(this.#bin, 'postgres'), args, { ...this.#options, stdio: 'ignore' });
    const until = Date.now() + START_MS;
    for (;;) {
      try {
        await this.sql('select 1');
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
      }
    }
  }

  async sql(text: string, values: unknown[] = [], database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.#urlOf(database) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async database(): Promise<string> {
    this.#databases += 1;
    const name = `test${this.#databases}`;
    await this.sql(`create database ${name}`);
    return this.#urlOf(name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const gone = new Promise((resolve) => {
      child.on('exit', resolve);
    });
    // An immediate shutdown: the server ends its own processes, too.
    child.kill('SIGQUIT');
    await gone;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #urlOf(database: string): string {
    return `postgres://exai@127.0.0.1:${this.port}/${database}`;
  }
}
