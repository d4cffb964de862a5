/** What an editor does with `mcp.json`: two editors start the bridge, list the tools and ask, and share the limits of one server. */
import { fileURLToPath } from 'node:url';

import { createServer } from '@exai/server';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import config from './mcp.json' with { type: 'json' };

const { args } = config.mcpServers.exai;
/** In an editor `npx` runs the package's bin; here it runs from its source. */
const BIN = fileURLToPath(new URL('bin.ts', import.meta.resolve('@exai/server')));

const server = await (await createServer({ port: 0, store: 'memory', audit: false, simTimeScale: 0.01 })).listen();
const names = ['Claude Code', 'Cursor'];
const editors = await Promise.all(names.map(async (name) => ({ name, client: await open(name) })));

for (const { name, client } of editors) {
  const { tools } = await client.listTools();
  console.log(`${name} sees ${tools.map((tool) => tool.name).join(', ')}`);
  const answer = await client.callTool({ name: 'chat', arguments: { prompt: 'Is the build slow?' } });
  console.log(`${name} is answered: ${JSON.stringify(answer.content).includes('Is the build slow?')}`);
}
console.log(`sessions of the one server: ${server.stats().sessions}`);
for (const { client } of editors) await client.close();
await server.close({ graceMs: 1000 });

async function open(name: string): Promise<Client> {
  const client = new Client({ name, version: '1.0.0' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [...process.execArgv, BIN, ...args.slice(args.indexOf('@exai/server') + 1)],
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', EXAI_WS_PORT: String(server.port) },
    }),
  );
  return client;
}
