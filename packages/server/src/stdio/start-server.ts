import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { FileLock } from '@exai/workflow';

import { CallError } from '../calls/call-error.ts';

import { probe } from './ensure-server.ts';
import type { ServerTarget } from './server-target.ts';

/** How a server is started. */
export interface StartServerOptions {
  readonly target: ServerTarget;
  readonly port: number;
  /** Folder for the lock, the log, the process id and the journals; made with 0700. */
  readonly folder: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
}

const START_MS = 60_000;
const POLL_MS = 100;
const TAIL_CHARS = 600;

/**
 * Starts a detached server, unless another process is starting one: of several that call this at once, exactly one starts it and all
 * resolve when it answers. The port decides in the end: a second server could not have it.
 *
 * @throws CallError `INTERNAL` with the end of the server's log when it does not answer within a minute.
 */
export async function startServer(options: StartServerOptions): Promise<void> {
  const { target, port, folder } = options;
  const lockDir = join(folder, `start-${port}`);
  mkdirSync(lockDir, { recursive: true, mode: 0o700 });
  const endsAt = Date.now() + START_MS;
  let server: { exited: boolean } | undefined;
  while (Date.now() < endsAt) {
    const lock = server === undefined ? await lockStart(lockDir) : undefined;
    try {
      if ((await probe(target)) === 'server') return;
      if (lock !== undefined) {
        server = launch(options);
        if (await answers(target, server, endsAt)) return;
      }
    } finally {
      await lock?.release();
    }
    if (server?.exited === true) {
      // It found the port taken, or failed: another server may be there.
      if ((await probe(target)) === 'server') return;
      break;
    }
    await sleep(POLL_MS);
  }
  throw new CallError('INTERNAL', `the server could not be started: ${await tail(logOf(options))}`);
}

/** The right to start it, or nothing while another process has that. */
async function lockStart(dir: string): Promise<FileLock | undefined> {
  // A bridge that finds its server needs nothing of this package.
  const { lockFolder, WorkflowError } = await import('@exai/workflow');
  try {
    return await lockFolder(dir);
  } catch (error) {
    if (WorkflowError.is(error) && error.code === 'LOCKED') return undefined;
    throw error;
  }
}

function launch(options: StartServerOptions): { exited: boolean } {
  const { folder, port, env } = options;
  const [program, ...args] = options.command;
  const log = openSync(logOf(options), 'a', 0o600);
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { EXAI_DATA_DIR: join(folder, `data-${port}`), ...env },
  });
  closeSync(log);
  writeFileSync(join(folder, `server-${port}.pid`), String(child.pid ?? ''), { mode: 0o600 });
  const state = { exited: false };
  child.once('error', () => {
    state.exited = true;
  });
  child.once('exit', () => {
    state.exited = true;
  });
  child.unref();
  return state;
}

async function answers(target: ServerTarget, server: { exited: boolean }, endsAt: number): Promise<boolean> {
  while (!server.exited && Date.now() < endsAt) {
    if ((await probe(target)) === 'server') return true;
    await sleep(POLL_MS);
  }
  return false;
}

function logOf({ folder, port }: StartServerOptions): string {
  return join(folder, `server-${port}.log`);
}

async function tail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().slice(-TAIL_CHARS) || 'it said nothing';
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
