import { createServer, type ExaiServer, type ServerExtras } from '@exai/server';
import { afterEach } from 'vitest';

import type { ServerConfigInput } from '../src/config/server-config.ts';
import { freshDatabase } from './fresh-database.ts';
import { freshRedis } from './fresh-redis.ts';
import { type ClientOptions, TestClient } from './test-client.ts';

const open: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A server on a free port, closed after the test; journals and limits in memory, or shared where the environment says so. */
export async function startServer(config: ServerConfigInput = {}, extras: ServerExtras = {}): Promise<ExaiServer> {
  const journals: ServerConfigInput = config.store === undefined ? await freshDatabase() : {};
  const server = await createServer(
    { port: 0, store: 'memory', audit: false, simTimeScale: 0.01, ...freshRedis(), ...journals, ...config },
    extras,
  );
  open.push(() => server.close({ graceMs: 0 }));
  return server.listen();
}

export async function connect(server: ExaiServer, options: ClientOptions = {}): Promise<TestClient> {
  const client = await TestClient.connect(server.wsUrl, options);
  open.push(() => client.close());
  return client;
}

export async function until(done: () => boolean, what: string, ms = 15_000): Promise<void> {
  const endsAt = Date.now() + ms;
  while (!done()) {
    if (Date.now() > endsAt) throw new Error(`${what} did not happen within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Arguments of a chat that the simulator takes `ms` for. */
export function chatOf(ms: number, provider: 'glm' | 'kimi' = 'glm', prompt = 'hello'): Record<string, unknown> {
  return { prompt, provider, simulate: { serviceMs: ms } };
}
