import { createGLM, createKimi, type ChatModel, type CommonOptions } from '@exai/providers';

import { type Reply, wireServer, type WireServer } from './wire-server.ts';

/** A model of each provider. */
export const DIALECTS = [
  [
    'glm',
    (url: string, o: CommonOptions = {}): ChatModel =>
      createGLM({ apiKey: 'test-key-glm', baseURL: url, ...o }).chat('glm-4.6'),
  ],
  [
    'kimi',
    (url: string, o: CommonOptions = {}): ChatModel =>
      createKimi({ apiKey: 'test-key-kimi', baseURL: url, ...o }).chat('kimi-k2.6'),
  ],
] as const;

/** Quick back-off, so that tests of retries need no virtual clock. */
export const QUICK: CommonOptions = { retry: { baseMs: 1 }, breaker: false };

/** Runs `use` against a server that answers as scripted. */
export async function withServer<T>(replies: Reply[], use: (server: WireServer) => Promise<T>): Promise<T> {
  const server = await wireServer(...replies);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

export const ASK = { messages: [{ role: 'user', content: 'hi' }] } as const;
