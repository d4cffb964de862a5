import { once } from 'node:events';

import type { ExaiServer } from '@exai/server';
import { WebSocket } from 'ws';

/** Clients that keep every part of a server busy until they are stopped. */
export function startTraffic(server: ExaiServer, everyMs: number): () => Promise<void> {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    for (let round = 1; !stop.signal.aborted; round += 1) {
      await oneRound(server.wsUrl, round);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  const done = loop();
  return async () => {
    stop.abort();
    await done;
  };
}

/** One session: a chat, the last round's chat again by its key, a workflow tool, and a tool that does not exist. */
async function oneRound(url: string, round: number): Promise<void> {
  const socket = new WebSocket(url, 'exai.v1');
  await once(socket, 'open');
  const ended = new Set<string>();
  const finished = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const frame: { type: string; id?: string } = JSON.parse(data.toString());
      if ((frame.type === 'result' || frame.type === 'error') && frame.id !== undefined) ended.add(frame.id);
      if (ended.size === 4) resolve();
    });
    socket.on('close', () => resolve());
  });
  const send = (frame: object): void => socket.send(JSON.stringify(frame));
  const prompt = { prompt: 'hello', simulate: { serviceMs: 40 } };
  const chat = { type: 'call', tool: 'chat', arguments: prompt };
  send({ type: 'hello', version: 'exai.v1', client: { name: 'traffic', version: '1' } });
  send({ ...chat, id: 'a', idempotencyKey: `key-${round}` });
  send({ ...chat, id: 'b', idempotencyKey: `key-${round - 1}` });
  const provider = round % 2 === 0 ? 'glm' : 'kimi';
  send({ type: 'call', id: 'c', tool: 'thinkdeep_EXAI-WS', arguments: { ...prompt, provider } });
  send({ type: 'call', id: 'd', tool: 'no-such-tool', arguments: {} });
  await finished;
  socket.close(1000);
}
