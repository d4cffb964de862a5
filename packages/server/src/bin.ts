#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Command } from 'commander';

import { describeServer } from './compose/describe-server.ts';
import { ConfigError } from './config/config-error.ts';
import { loadConfig, unknownVariables } from './config/load-config.ts';
import { exitWhenIdle } from './stdio/exit-when-idle.ts';
import { VERSION } from './version.ts';

interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecureIKnow?: boolean;
  readonly faults?: boolean;
  readonly exitWhenIdle?: string;
}

const program = new Command('exai-server').description('The EXAI reference server.').version(VERSION);

program
  .command('serve', { isDefault: true })
  .description('serves WebSocket, MCP, metrics and the live page on one port')
  .option('--host <address>', 'address to listen on (EXAI_WS_HOST)')
  .option('--port <number>', 'port to listen on (EXAI_WS_PORT)')
  .option('--tls-cert <file>', 'certificate, PEM')
  .option('--tls-key <file>', 'private key, PEM')
  .option('--insecure-i-know', 'listen off loopback without TLS, behind a proxy that ends it')
  .option('--faults', 'open POST /admin/faults; refused beside a real provider key')
  .option('--exit-when-idle <seconds>', 'end when nobody was connected for so long')
  .action(async (flags: ServeFlags) => {
    process.exitCode = await runServe(flags);
    process.exit();
  });

async function runServe(flags: ServeFlags): Promise<number> {
  try {
    for (const name of unknownVariables(process.env))
      console.error(`${name} is not a variable of this server and is ignored`);
    const env = { ...process.env, ...given({ EXAI_WS_HOST: flags.host, EXAI_WS_PORT: flags.port }) };
    const config = loadConfig(env, {
      ...(flags.insecureIKnow === true ? { allowPlaintext: true } : {}),
      ...(flags.faults === true ? { faults: true } : {}),
      ...readTls(flags),
    });
    const idleMs = readIdle(flags);
    // Loaded when it is needed: a bridge needs none of it, and every editor starts one.
    const { serve } = await import('./compose/serve.ts');
    return await serve(config, {
      onListening: (server) => {
        console.log(describeServer(server).join('\n'));
        if (idleMs !== undefined) exitWhenIdle(server, idleMs, () => process.kill(process.pid, 'SIGTERM'));
      },
    });
  } catch (error) {
    return report(error);
  }
}

program
  .command('stdio')
  .description(
    'speaks MCP on stdin and stdout: forwards to the server at EXAI_WS_HOST:EXAI_WS_PORT, starting one if none answers',
  )
  .option('--standalone', 'run everything in this process, with journals in memory')
  .option('--insecure-i-know', 'speak to a server of another machine without TLS')
  .action(async (flags: { readonly standalone?: boolean; readonly insecureIKnow?: boolean }) => {
    const command = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)] as const;
    const { runStdio } = await import('./stdio/run-stdio.ts');
    const { standalone = false, insecureIKnow: allowPlaintext = false } = flags;
    process.exitCode = await runStdio(process.env, { standalone, allowPlaintext, command }).catch(report);
    process.exit();
  });

function report(error: unknown): number {
  console.error(ConfigError.is(error) ? `exai-server: ${error.message}` : error);
  return ConfigError.is(error) ? 2 : 1;
}

function readIdle({ exitWhenIdle: text }: ServeFlags): number | undefined {
  if (text === undefined) return undefined;
  const ms = Number(text) * 1000;
  if (!(ms > 0 && ms < 2 ** 31)) throw new ConfigError('--exit-when-idle', 'must be a number of seconds above 0', text);
  return ms;
}

function given(values: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function readTls({ tlsCert, tlsKey }: ServeFlags): { tls?: { cert: string; key: string } } {
  if (tlsCert === undefined && tlsKey === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new ConfigError('--tls-cert and --tls-key', 'must be given together', tlsCert ?? tlsKey ?? '');
  }
  return { tls: { cert: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') } };
}

await program.parseAsync();
