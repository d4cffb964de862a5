import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { StdioClientTransport as OldStdioTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach } from 'vitest';

import { type AnyClient, wrapNew, wrapOld } from '../mcp/mcp-clients.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** What runs the command line from its sources. */
export const SOURCE_COMMAND: readonly string[] = [
  process.execPath,
  '--conditions=@exai/source',
  '--import',
  'tsx',
  fileURLToPath(new URL('../../src/bin.ts', import.meta.url)),
];

/** Processes this test started itself, by id. */
const started = new Set<number>();
const homes: string[] = [];

afterEach(() => {
  for (const pid of started) {
    try {
      process.kill(pid, 'SIGTERM');
    } catch {
      // It ended by itself.
    }
  }
  started.clear();
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

/** Ends a process with the test. */
export function endLater(pid: number): void {
  // 0 would mean the whole process group.
  if (pid > 1) started.add(pid);
}

/** A folder of its own for what a bridge keeps in the home folder. */
export function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'exai-stdio-'));
  homes.push(home);
  return home;
}

export type Environment = Record<string, string>;

/** One process to be: program and arguments, and its environment beside the usual. */
export interface Launch {
  readonly command: readonly string[];
  readonly env: Environment;
  readonly cwd?: string;
}

function toParameters({ command: [program = '', ...args], env, cwd = root }: Launch) {
  const kept = Object.fromEntries(['PATH', 'HOME', 'TMPDIR'].map((name) => [name, process.env[name] ?? '']));
  const scaled = { ...kept, EXAI_SIM_TIME_SCALE: '0.01', ...env };
  return { command: program, args, env: scaled, cwd, stderr: 'ignore' as const };
}

/** Starts a process and talks to it with a client of the 2.x SDK; `pin` makes it speak the 2026 revision. */
export async function stdioClient(launch: Launch, pin?: string): Promise<AnyClient> {
  return wrapNew(new StdioClientTransport(toParameters(launch)), pin);
}

/** Starts a process and talks to it with a client of the 1.x SDK. */
export async function oldStdioClient(launch: Launch): Promise<AnyClient> {
  return wrapOld(new OldStdioTransport(toParameters(launch)));
}

/** A text file, or nothing. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
