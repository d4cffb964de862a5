import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';

import { http, type CallEnd, type Connection, type PlannedCall } from '../src/index.ts';

const call: PlannedCall = {
  entry: 0,
  tool: 'chat',
  deadlineMs: 60_000,
  forcedTimeout: false,
  arguments: { prompt: 'p' },
};
let server: Server | undefined;

/** Answers with the number of its socket, and with what it was asked, once `allow` lets it. */
async function listen(answer: (body: string, socket: number, end: (text: string) => void) => void): Promise<string> {
  const sockets: unknown[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      if (!sockets.includes(request.socket)) sockets.push(request.socket);
      answer(body, sockets.indexOf(request.socket) + 1, (text) => response.end(text));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/call`;
}

function ask(connection: Connection, planned: PlannedCall = call): { handle: number; end: Promise<CallEnd> } {
  let handle = 0;
  const end = new Promise<CallEnd>((resolve) => {
    handle = connection.send(planned, { event: () => undefined, piece: () => undefined, end: resolve });
  });
  return { handle, end };
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

describe('calls over kept sockets', () => {
  it.each([1, 2])('never take more than %i sockets, and lose none that waits', async (connections) => {
    const seen: number[] = [];
    const used = new Set<number>();
    const url = await listen((body, socket, end) => {
      seen.push(JSON.parse(body).arguments.index);
      used.add(socket);
      setTimeout(() => end('{}'), 1);
    });
    const driver = http({ url, connections });
    const connection = await driver.connect(1, () => undefined);
    const order = Array.from({ length: 20 }, (_, index) => index);
    const asked = order.map((index) => ask(connection, { ...call, arguments: { index } }).end);
    for (const { outcome } of await Promise.all(asked)) expect(outcome).toBe('ok');
    expect(used.size).toBe(connections);
    // Over one socket they arrive in the order in which they were asked for; two overtake each other on the way.
    expect(connections === 1 ? seen : seen.toSorted((a, b) => a - b)).toEqual(order);
    await driver.close?.();
  });

  it('given up while it waits for a socket, a call is never sent, and costs no socket', async () => {
    const seen: string[] = [];
    const ends: (() => void)[] = [];
    const url = await listen((body, socket, end) => {
      seen.push(`${JSON.parse(body).arguments.name} over ${socket}`);
      ends.push(() => end('{}'));
    });
    const driver = http({ url, connections: 1 });
    const connection = await driver.connect(1, () => undefined);
    const [first, second, third] = ['first', 'second', 'third'].map((name) =>
      ask(connection, { ...call, arguments: { name } }),
    );
    await expect.poll(() => seen, { timeout: 30_000 }).toEqual(['first over 1']);
    connection.abandon(second?.handle ?? 0, 'timeout');
    ends[0]?.();
    expect(await first?.end).toEqual({ outcome: 'ok' });
    await expect.poll(() => seen, { timeout: 30_000 }).toEqual(['first over 1', 'third over 1']);
    ends[1]?.();
    expect(await third?.end).toEqual({ outcome: 'ok' });
    await driver.close?.();
  });

  it('given up while it is answered, a call frees its socket for the next one', async () => {
    const seen: string[] = [];
    const url = await listen((body, _socket, end) => {
      const { name } = JSON.parse(body).arguments;
      seen.push(name);
      if (name !== 'hangs') end('{}');
    });
    const driver = http({ url, connections: 1 });
    const connection = await driver.connect(1, () => undefined);
    const { handle } = ask(connection, { ...call, arguments: { name: 'hangs' } });
    await expect.poll(() => seen, { timeout: 30_000 }).toEqual(['hangs']);
    const { end } = ask(connection, { ...call, arguments: { name: 'next' } });
    connection.abandon(handle, 'timeout');
    expect(await end).toEqual({ outcome: 'ok' });
    await driver.close?.();
  });

  it('the same arguments for another tool are another body', async () => {
    const bodies: unknown[] = [];
    const url = await listen((body, _socket, end) => {
      bodies.push(JSON.parse(body));
      end('{}');
    });
    const driver = http({ url });
    const [one, two] = [await driver.connect(1, () => undefined), await driver.connect(2, () => undefined)];
    await ask(one).end;
    await ask(one, { ...call, tool: 'debug' }).end;
    await ask(two).end;
    expect(bodies).toEqual([
      { tool: 'chat', arguments: { prompt: 'p' }, session: '1' },
      { tool: 'debug', arguments: { prompt: 'p' }, session: '1' },
      { tool: 'chat', arguments: { prompt: 'p' }, session: '2' },
    ]);
    await driver.close?.();
  });
});
