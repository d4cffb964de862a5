import { once } from 'node:events';

import { createServer, type ExaiServer } from '@exai/server';
import { WebSocket } from 'ws';
import { z } from 'zod';

/** A server with open sessions that each have a call in flight. */
export interface BusyServer {
  readonly server: ExaiServer;
  close(): Promise<void>;
}

type ServerTools = NonNullable<NonNullable<Parameters<typeof createServer>[1]>['tools']>;
type ServerTool = ServerTools[number];

/** A tool that takes anything and does what `run` does. */
export function tool(name: string, run: ServerTool['run']): ServerTool {
  return {
    name,
    description: name,
    kind: 'chat',
    input: z.record(z.string(), z.unknown()),
    providerOf: () => 'glm',
    run,
  };
}

/** Starts a server and `sessions` WebSocket sessions; each calls a tool that waits for a permit and holds it until the end. */
export async function startBusyServer(sessions: number): Promise<BusyServer> {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const hold = tool('hold', async ({ session, signal }) => {
    const permit = await server.semaphore.acquire({ provider: 'glm', session, signal });
    await ended;
    permit.release();
    return { text: '' };
  });
  const server = await createServer(
    {
      port: 0,
      store: 'memory',
      sessionMaxConcurrent: sessions,
      connectionsPerAddress: sessions,
      connectsPerSecond: 100_000,
      maxRuns: sessions,
      maxConnections: sessions,
    },
    { tools: [hold] },
  );
  await server.listen();
  const sockets: WebSocket[] = [];
  for (let index = 0; index < sessions; index += 1) sockets.push(await openSession(server.wsUrl, 'hold'));
  while (server.stats().callsInFlight < sessions) await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    server,
    close: async () => {
      end();
      for (const socket of sockets) socket.terminate();
      await server.close({ graceMs: 0 });
    },
  };
}

async function openSession(url: string, toolName: string): Promise<WebSocket> {
  const socket = new WebSocket(url, 'exai.v1');
  await once(socket, 'open');
  const welcomed = once(socket, 'message');
  socket.send(JSON.stringify({ type: 'hello', version: 'exai.v1', client: { name: 'bench', version: '0' } }));
  await welcomed;
  socket.send(
    JSON.stringify({ type: 'call', id: '1', tool: toolName, arguments: {}, stream: false, priority: 'interactive' }),
  );
  return socket;
}
