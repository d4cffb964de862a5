import { readFileSync } from 'node:fs';

import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { type AnyClient, wrapNew } from '../mcp/mcp-clients.ts';
import { chatOf, startServer } from '../test-server.ts';
import { makeHome, SOURCE_COMMAND, stdioClient } from './stdio-processes.ts';

const Entry = z.union([
  z.strictObject({ type: z.literal('stdio').optional(), command: z.string(), args: z.array(z.string()) }),
  z.strictObject({ type: z.literal('http').optional(), url: z.url() }),
]);
const Servers = z.strictObject({ exai: Entry });
const Snippet = z.union([z.strictObject({ mcpServers: Servers }), z.strictObject({ servers: Servers })]);
const PackageFile = z.object({ name: z.string(), bin: z.record(z.string(), z.string()) });

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

const section = read('README.md').split('\n## MCP\n')[1]?.split('\n## ')[0] ?? '';
const entries = [...section.matchAll(/```json\n(.+?)\n```/gs)].map(([, text = '']) => {
  const snippet = Snippet.parse(JSON.parse(text));
  return 'servers' in snippet ? snippet.servers.exai : snippet.mcpServers.exai;
});
const commands = new Set(
  entries.flatMap((entry) => ('command' in entry ? [JSON.stringify([entry.command, ...entry.args])] : [])),
);
const urls = entries.flatMap((entry) => ('url' in entry ? [entry.url] : []));

async function expectAnswers(client: AnyClient): Promise<void> {
  expect((await client.listTools()).tools).toHaveLength(5);
  expect((await client.call('chat', chatOf(10))).isError).toBe(false);
}

describe('the snippets of the README', { timeout: 90_000 }, () => {
  it('are one of each kind for each of three editors', () => {
    expect(entries).toHaveLength(6);
    expect(urls).toHaveLength(3);
  });

  it.each([...commands])('start what answers: %s', async (text) => {
    const [program, yes, name, ...rest] = z.array(z.string()).parse(JSON.parse(text));
    const manifest = PackageFile.parse(JSON.parse(read('package.json')));
    // npx runs the only bin of the package; here it is run from its source.
    expect([program, yes, name]).toEqual(['npx', '-y', manifest.name]);
    expect(Object.keys(manifest.bin)).toEqual(['exai-server']);
    const server = await startServer();
    const env = { EXAI_WS_PORT: String(server.port), HOME: makeHome() };
    await expectAnswers(await stdioClient({ command: [...SOURCE_COMMAND, ...rest], env }));
    expect(server.stats().sessions).toBe(1);
  });

  it.each([...new Set(urls)])('reach a running server: %s', async (text) => {
    const server = await startServer();
    const url = new URL(text);
    expect(url.port).toBe('8079');
    url.port = String(server.port);
    await expectAnswers(await wrapNew(new StreamableHTTPClientTransport(url), undefined));
  });
});
