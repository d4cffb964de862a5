import { resolve } from 'node:path';

import { serveStdio } from '@modelcontextprotocol/server/stdio';

import { type Environment, loadConfig } from '../config/load-config.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { createMcpServer } from '../mcp/create-mcp-server.ts';
import type { McpCaller } from '../mcp/mcp-caller.ts';
import { listTools } from '../mcp/tool-listing.ts';

import { ensureRootsKey, userFolder } from '../roots/roots-key.ts';
import { isFolder } from '../roots/session-roots.ts';
import { tellRoots, type ToldRoots } from '../roots/told-roots.ts';

import { Bridge } from './bridge.ts';
import { serverTarget } from './server-target.ts';
import { startServer } from './start-server.ts';

/** How {@link runStdio} runs. */
export interface StdioOptions {
  /** Runs everything in this process instead of forwarding to a shared server. */
  readonly standalone: boolean;
  /** Speaks to a server of another machine without TLS. */
  readonly allowPlaintext?: boolean;
  /** Program and arguments that run this command line; what a server is started with. */
  readonly command: readonly [string, ...string[]];
}

/** A server that was started by itself ends by itself. */
const IDLE_EXIT_SECONDS = 600;

/**
 * Speaks MCP on stdin and stdout until stdin is closed, and nothing else on stdout. The file tools look into the folder it was started
 * in, unless `EXAI_ALLOWED_ROOTS` names others. Resolves with the exit code.
 *
 * @throws ConfigError as {@link loadConfig}.
 */
export async function runStdio(env: Environment, options: StdioOptions): Promise<number> {
  const log = (line: string): void => console.error(`exai-server stdio: ${line}`);
  console.log = console.error;
  // A bridge listens nowhere, so what guards a listening server does not apply to it.
  const config = loadConfig(env, options.standalone ? {} : { allowPlaintext: true });
  const backend = await createBackend({ ...config, allowedRoots: foldersOf(config) }, env, options, log);
  const tools = listTools(config.mcpProfile);
  const handle = serveStdio(() => createMcpServer({ tools, caller: backend.caller }), {
    onerror: (error) => log(error.message),
  });
  await ended();
  // First what runs elsewhere: a client that waits for our end does not wait long.
  await backend.close();
  await handle.close();
  return 0;
}

/** The folders named, else the one it was started in. An editor that starts it at the root of the disk has opened no folder. */
function foldersOf({ allowedRoots }: ServerConfig): string[] {
  if (allowedRoots.length > 0) return allowedRoots.map((path) => resolve(path));
  const here = process.cwd();
  return isFolder(here) ? [here] : [];
}

interface Backend {
  readonly caller: McpCaller;
  close(): Promise<void>;
}

async function createBackend(
  config: ServerConfig,
  env: Environment,
  { standalone, command, allowPlaintext = false }: StdioOptions,
  log: (line: string) => void,
): Promise<Backend> {
  if (standalone) {
    const { createStandalone } = await import('./standalone.ts');
    return createStandalone(config);
  }
  const { host, port, tokens } = config;
  const target = serverTarget({ host, port, allowPlaintext });
  const serve = [...command, 'serve', '--exit-when-idle', String(IDLE_EXIT_SECONDS)] as const;
  // The server is everybody's: it has no folders of its own, every bridge tells it those of its editor.
  const { EXAI_ALLOWED_ROOTS: _ownFolders, ...shared } = env;
  const start = (): Promise<void> => startServer({ target, port, folder: userFolder(), command: serve, env: shared });
  const roots = target.local ? await tell(config.allowedRoots, log) : undefined;
  return new Bridge({ target, token: tokens[0], roots, start: target.local ? start : undefined, log });
}

/** Without a home folder that can be written there is no proof, and the file tools look into the folders of the server. */
async function tell(folders: readonly string[], log: (line: string) => void): Promise<ToldRoots | undefined> {
  try {
    return tellRoots(folders, await ensureRootsKey(userFolder()));
  } catch (error) {
    log(`no folder can be told to the server: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The client closed its end, or somebody asks us to end. */
function ended(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['end', 'close'] as const) process.stdin.once(name, () => resolve());
    process.stdout.once('error', () => resolve());
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
  });
}
