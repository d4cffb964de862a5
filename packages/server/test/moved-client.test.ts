import { once } from 'node:events';

import { connect } from '@exai/server/client';
import { expect, it } from 'vitest';
import { WebSocketServer } from 'ws';

const LIMITS = {
  maxMessageBytes: 1e6,
  maxInFlight: 2,
  maxQueued: 10,
  heartbeatMs: 60_000,
  resumeWindowMs: 60_000,
  maxDeadlineMs: 60_000,
};
const END = { type: 'error', error: { code: 'CANCELLED', message: 'enough', retryable: false } };

it.each([
  ['a moved session sends again, with its id and key, what the other server does not accept again', true, ['b']],
  ['a session that did not move sends nothing again that was accepted', false, []],
])('the client of %s', async (_, moved, sentAgain) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  const frames: Record<string, any>[] = [];
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    const resumed = connections > 1;
    let seq = resumed ? 2 : 0;
    const send = (frame: object): void => socket.send(JSON.stringify(frame));
    const welcome = { version: 'exai.v1', server: { name: 'test', version: '1' }, sessionId: 's', resumeToken: 't' };
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString('utf8'));
      frames.push(frame);
      if (frame.type === 'call') send({ type: 'accepted', seq: (seq += 1), id: frame.id, state: 'running' });
      if (frame.type === 'ping') send({ type: 'pong', t: frame.t });
      if (frame.type === 'hello') {
        send({ ...welcome, type: 'welcome', resumed, moved, lastSeq: resumed ? 3 : 0, limits: LIMITS });
        if (resumed) send({ type: 'accepted', seq: (seq += 1), id: 'c1', state: 'running' });
      }
    });
  });
  const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const client = await connect(url, { delay: () => 5 });
  const calls = ['a', 'b'].map((idempotencyKey) => client.call('chat', {}, { idempotencyKey }).catch(() => undefined));
  await expect.poll(() => frames.length, { timeout: 15_000 }).toBe(3);
  const again = once(server, 'connection');
  for (const socket of server.clients) socket.terminate();
  const connected = new Promise((resolve) => {
    client.on('connected', resolve);
  });
  await again;
  expect(await connected).toMatchObject({ sessionId: 's', resumed: true, resent: sentAgain.length });
  await expect.poll(() => frames.length, { timeout: 15_000 }).toBe(4 + sentAgain.length);
  expect(frames[3]).toMatchObject({ type: 'hello', resume: { sessionId: 's', resumeToken: 't', lastSeq: 2 } });
  expect(frames.slice(4).map((frame) => frame['idempotencyKey'])).toEqual(sentAgain);
  for (const socket of server.clients) socket.send(JSON.stringify({ ...END, seq: 4 + sentAgain.length, id: 'c1' }));
  await calls[0];
  await client.close();
  await Promise.all(calls);
  server.close();
});
