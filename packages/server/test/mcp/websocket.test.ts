import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { chatOf, startServer, until } from '../test-server.ts';
import { wrapNew, wrapOld } from './mcp-clients.ts';

// The browser's class, which the old client expects, is not in Node 20.
Object.assign(globalThis, { WebSocket });

/** A client transport for 2.x clients, as short as one can be. */
class SocketTransport {
  onclose?: () => void;
  onmessage?: (message: unknown) => void;
  readonly #ws: WebSocket;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#ws = new WebSocket(url, 'mcp', { headers });
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#ws.on('open', () => resolve());
      this.#ws.on('error', reject);
      this.#ws.on('close', () => this.onclose?.());
      this.#ws.on('message', (data: Buffer) => this.onmessage?.(JSON.parse(data.toString('utf8'))));
    });
  }

  send(message: unknown): Promise<void> {
    this.#ws.send(JSON.stringify(message));
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#ws.close();
    return Promise.resolve();
  }
}

const CLIENTS = [
  ['a 2026 client', (url: string) => wrapNew(new SocketTransport(url), '2026-07-28')],
  ['a 2025 client of the 2.x SDK', (url: string) => wrapNew(new SocketTransport(url), undefined)],
  ['a client of the 1.32 SDK', (url: string) => wrapOld(new WebSocketClientTransport(new URL(url)))],
] as const;

describe('MCP over WebSocket', () => {
  it.each(CLIENTS)('serves %s: one call does not hold up another, a cancel reaches the work', async (_, connect) => {
    const server = await startServer({ mcpWebSocket: true });
    const client = await connect(`ws://127.0.0.1:${server.port}/mcp`);
    expect((await client.listTools()).tools).toHaveLength(5);
    const controller = new AbortController();
    const slow = expect(client.call('chat', chatOf(60_000), { signal: controller.signal })).rejects.toThrow();
    await until(() => server.semaphore.stats().global.held === 1, 'the permit was taken');
    const quick = await client.call('chat_EXAI-WS', chatOf(1, 'kimi'));
    expect(quick.isError).toBe(false);
    expect(server.stats().sessions).toBe(1);
    controller.abort();
    await slow;
    await until(() => server.semaphore.stats().global.held === 0, 'the permit came back');
    const lost = client.call('chat', chatOf(60_000)).catch(() => undefined);
    await until(() => server.semaphore.stats().global.held === 1, 'the permit was taken');
    await client.close();
    await lost;
    await until(() => server.stats().sessions === 0, 'the session ended');
    await until(() => server.semaphore.stats().global.held === 0, 'the loss of the connection ended the work');
  });

  it('is off unless it is switched on, and guarded like the other routes', async () => {
    const refusal = (url: string, headers: Record<string, string> = {}) =>
      new Promise<number | undefined>((resolve, reject) => {
        const ws = new WebSocket(url, 'mcp', { headers });
        ws.on('unexpected-response', (_, response) => resolve(response.statusCode));
        ws.on('open', () => reject(new Error('it was let in')));
        ws.on('error', reject);
      });
    const off = await startServer();
    expect(await refusal(`ws://127.0.0.1:${off.port}/mcp`)).toBe(404);
    const on = await startServer({ mcpWebSocket: true, tokens: ['a-token'] });
    const url = `ws://127.0.0.1:${on.port}/mcp`;
    expect(await refusal(url)).toBe(401);
    expect(await refusal(url, { authorization: 'Bearer wrong' })).toBe(401);
    expect(await refusal(url, { authorization: 'Bearer a-token', origin: 'https://evil.example' })).toBe(403);
    const client = await wrapNew(new SocketTransport(url, { authorization: 'Bearer a-token' }), '2026-07-28');
    expect((await client.call('chat', chatOf(1))).isError).toBe(false);
  });

  it('ends a connection that sends no MCP', async () => {
    const server = await startServer({ mcpWebSocket: true });
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/mcp`, 'mcp');
    ws.on('open', () => ws.send('nonsense'));
    const code = await new Promise((resolve) => ws.on('close', resolve));
    expect(code).toBe(1008);
    await until(() => server.stats().sessions === 0, 'its session ended');
  });
});
