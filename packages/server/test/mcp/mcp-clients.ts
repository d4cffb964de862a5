import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldHttpTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach } from 'vitest';

/** What the tests use of a client, whatever its version. */
export interface AnyClient {
  listTools(): Promise<{ tools: { name: string; inputSchema: any; outputSchema?: any }[] }>;
  call(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<any>;
  close(): Promise<void>;
}

export interface CallOptions {
  signal?: AbortSignal;
  onprogress?: (progress: { progress: number; message?: string | undefined }) => void;
  meta?: Record<string, unknown>;
}

const open: AnyClient[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()));
});

/** Connects a client of the 2.x SDK; `pin` makes it speak the 2026 revision, otherwise it speaks that of 2025. */
export async function wrapNew(transport: any, pin: string | undefined): Promise<AnyClient> {
  const client = new Client(
    { name: 'test', version: '1' },
    pin === undefined ? {} : { versionNegotiation: { mode: { pin } } },
  );
  await client.connect(transport);
  const wrapped: AnyClient = {
    listTools: () => client.listTools(),
    call: (name, args, { meta, ...options } = {}) =>
      client.callTool({ name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }, options),
    close: () => client.close(),
  };
  open.push(wrapped);
  return wrapped;
}

/** Connects a client of the 1.x SDK. */
export async function wrapOld(transport: any): Promise<AnyClient> {
  const client = new OldClient({ name: 'test', version: '1' });
  await client.connect(transport);
  const wrapped: AnyClient = {
    listTools: () => client.listTools(),
    call: (name, args, { meta, ...options } = {}) =>
      client.callTool(
        { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) },
        CallToolResultSchema,
        options,
      ),
    close: () => client.close(),
  };
  open.push(wrapped);
  return wrapped;
}

type Headers = Record<string, string>;

/** One client of each kind over Streamable HTTP. */
export const HTTP_CLIENTS: [string, (url: string, headers?: Headers) => Promise<AnyClient>][] = [
  ['a 2026 client', (url, headers) => wrapNew(httpTransport(url, headers), '2026-07-28')],
  ['a 2025 client of the 2.x SDK', (url, headers) => wrapNew(httpTransport(url, headers), undefined)],
  [
    'a client of the 1.32 SDK',
    (url, headers = {}) => wrapOld(new OldHttpTransport(new URL(url), { requestInit: { headers } })),
  ],
];

function httpTransport(url: string, headers: Headers = {}): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
}
