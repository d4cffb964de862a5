#!/usr/bin/env node
import { readFileSync } from 'node:fs';

import { Command } from 'commander';

import { describeServer } from './compose/describe-server.ts';
import { serve } from './compose/serve.ts';
import { ConfigError } from './config/config-error.ts';
import { loadConfig, unknownVariables } from './config/load-config.ts';
import { VERSION } from './version.ts';

interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecureIKnow?: boolean;
  readonly faults?: boolean;
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
    return await serve(config, { onListening: (server) => console.log(describeServer(server).join('\n')) });
  } catch (error) {
    console.error(ConfigError.is(error) ? `exai-server: ${error.message}` : error);
    return ConfigError.is(error) ? 2 : 1;
  }
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
