import { EventEmitter } from 'node:events';
import { connect as tcp } from 'node:net';

import { z } from 'zod';
import { describe, expect, it } from 'vitest';

import type { ExaiServer, Tool } from '@exai/server';
import { WsConnection, type WsConnectionParts } from '../src/ws/ws-connection.ts';
import { startServer, until } from './test-server.ts';

const FULL = process.env['EXAI_PROOF'] === 'full';
const FRAMES = FULL ? 200_000 : 20_000;
const RAW = FULL ? 2000 : 200;
const ALLOWED_CLOSES = new Set([1000, 1003, 1008, 1009, 1013, 4400, 4401, 4408]);

/** mulberry32: small, seeded, good enough to pick mutations. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A socket without a network: what is sent to the client is kept. */
class FakeSocket extends EventEmitter {
  bufferedAmount = 0;
  isPaused = false;
  sent: any[] = [];
  closedWith: number | undefined;
  send(text: string, done?: () => void): void {
    this.sent.push(JSON.parse(text));
    if (done !== undefined) queueMicrotask(done);
  }
  close(code: number): void {
    this.closedWith ??= code;
  }
  terminate(): void {
    this.closedWith ??= 1006;
  }
  ping(): void {}
  pause(): void {}
  resume(): void {}
}

const echo: Tool = {
  name: 'echo',
  description: 'answers at once',
  kind: 'chat',
  input: z.looseObject({ say: z.string().max(100).optional() }),
  providerOf: () => 'glm',
  run: async ({ arguments: args, emit, signal }) => {
    emit({ type: 'text', delta: 'echo' });
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) throw signal.reason;
    return { text: JSON.stringify(args) };
  },
};

const HELLO = { type: 'hello', version: 'exai.v1', client: { name: 'fuzz', version: '1' } };

function validFrame(pick: () => number, n: number): unknown {
  const id = `c${Math.floor(pick() * 40)}`;
  const frames: unknown[] = [
    { type: 'call', id, tool: 'echo', arguments: { say: 'x' } },
    {
      type: 'call',
      id,
      tool: 'echo_EXAI-WS',
      arguments: {},
      idempotencyKey: `k${Math.floor(pick() * 5)}`,
      stream: false,
    },
    { type: 'cancel', id, reason: 'fuzz' },
    { type: 'ack', seq: Math.floor(pick() * 50) },
    { type: 'ping', t: n },
    { type: 'list_tools', id },
    { type: 'health', id },
    { type: 'subscribe', id, intervalMs: pick() < 0.5 ? 0 : 60_000 },
    HELLO,
    { ...HELLO, resume: { sessionId: id, resumeToken: id, lastSeq: 3 } },
  ];
  return frames[Math.floor(pick() * frames.length)];
}

const ODD: unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  '\u0000',
  'x'.repeat(300),
  [],
  {},
  [[[]]],
  { a: { b: {} } },
  2 ** 53,
  '__proto__',
  0.5,
];

/** One frame, valid or broken in one of many ways. */
function mutate(pick: () => number, n: number): string | Buffer {
  const frame = validFrame(pick, n);
  const text = JSON.stringify(frame);
  const at = Math.floor(pick() * text.length);
  const kind = Math.floor(pick() * 12);
  if (kind < 4) return text;
  if (kind === 4) return text.slice(0, at);
  if (kind === 5) return text.slice(0, at) + String.fromCharCode(Math.floor(pick() * 0x3000)) + text.slice(at + 1);
  if (kind === 6) return `${'['.repeat(Math.floor(pick() * 200))}${text}`;
  if (kind === 7) return text.replace('{', '{"__proto__":{"x":1},');
  if (kind === 8) return JSON.stringify(ODD[Math.floor(pick() * ODD.length)]);
  const broken: Record<string, unknown> = { ...(frame as object) };
  const keys = Object.keys(broken);
  const key = keys[Math.floor(pick() * keys.length)] ?? 'type';
  if (kind === 9) delete broken[key];
  else if (kind === 10) broken[key] = ODD[Math.floor(pick() * ODD.length)];
  else broken[`${key}_`] = ODD[Math.floor(pick() * ODD.length)];
  const made = JSON.stringify(broken);
  return pick() < 0.01 ? Buffer.from(made) : made;
}

/** What a conversation must never show. */
function check(socket: FakeSocket): void {
  if (socket.closedWith !== undefined) expect(ALLOWED_CLOSES).toContain(socket.closedWith);
  let seq = 0;
  const open = new Set<string>();
  for (const frame of socket.sent) {
    if (frame.type === 'welcome') seq = 0;
    if (frame.seq !== undefined) {
      if (frame.seq !== seq + 1) throw new Error(`frame ${frame.seq} follows ${seq}`);
      seq = frame.seq;
    }
    if (frame.type === 'accepted') {
      if (open.has(frame.id)) throw new Error(`call ${frame.id} was accepted twice`);
      open.add(frame.id);
    }
    if (frame.type === 'result' && !open.has(frame.id)) throw new Error(`call ${frame.id} ended twice`);
    if (frame.type === 'result' || frame.type === 'error') open.delete(frame.id);
  }
  // What ends after the socket is closed is kept for a resume.
  if (socket.closedWith === undefined && open.size > 0) throw new Error(`without an end: ${[...open].join(', ')}`);
}

describe(`${FRAMES} frames, valid and broken, seeded`, () => {
  it('are each answered or closed with the right code; nothing crashes, hangs or is kept', async () => {
    const server = await startServer({ sessionMaxConcurrent: 1000, maxMessageBytes: 4096 }, { tools: [echo] });
    const pick = random(20_261_125);
    let left = FRAMES;
    while (left > 0) left -= await converse(server, pick, Math.min(left, 400));
    for (const session of server.sessions.values()) server.sessions.end(session, 'closed');
    await until(() => server.stats().kept === 0, 'nothing is kept');
    expect(server.semaphore.stats().global.held).toBe(0);
  }, 300_000);
});

/** One connection until it is closed or `most` frames were sent; the number sent. */
async function converse(server: ExaiServer, pick: () => number, most: number): Promise<number> {
  const socket = new FakeSocket();
  const parts = connectionParts(server);
  const connection = new WsConnection(socket as never, parts, server.authenticator.identify(undefined));
  const say = (data: string | Buffer): void =>
    void socket.emit('message', Buffer.isBuffer(data) ? data : Buffer.from(data), Buffer.isBuffer(data));
  if (pick() < 0.95) say(JSON.stringify(HELLO));
  let sent = 0;
  while (sent < most && socket.closedWith === undefined) {
    say(mutate(pick, sent));
    sent += 1;
    if (pick() < 0.1) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => (connection.session?.calls.size ?? 0) === 0, 'every call ended');
  check(socket);
  connection.gone(1000);
  return Math.max(1, sent);
}

function connectionParts(server: ExaiServer): WsConnectionParts {
  const { service, sessions, authenticator, views, config } = server;
  return {
    service,
    sessions,
    authenticator,
    views,
    limits: { ...config, maxDeadlineMs: 3_600_000, messagesPerSecond: 1_000_000, bytesPerSecond: 1_000_000_000 },
    rootsOf: () => undefined,
    address: '127.0.0.1',
    onWelcome: () => undefined,
    onResumeFailed: () => undefined,
    onRefused: () => undefined,
  };
}

describe(`${RAW} raw byte streams after the upgrade`, () => {
  it('end in a close or a reply, never in a crash or a kept connection', async () => {
    const server = await startServer({ helloTimeoutMs: 300, connectionsPerAddress: 1000 });
    const pick = random(7);
    for (let batch = 0; batch < RAW / 20; batch += 1) {
      await Promise.all(Array.from({ length: 20 }, () => rawStream(server.port, pick)));
    }
    await until(() => server.stats().connections === 0, 'every connection is gone', 10_000);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  }, 120_000);
});

function rawStream(port: number, pick: () => number): Promise<void> {
  return new Promise((resolve) => {
    const socket = tcp(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: exai.v1\r\n\r\n',
    );
    socket.once('data', () => {
      for (let n = 0; n < 5; n += 1) socket.write(rawFrame(pick));
      if (pick() < 0.3) socket.resetAndDestroy();
      else setTimeout(() => socket.destroy(), 400).unref();
    });
  });
}

/** A WebSocket frame with any opcode, reserved bits, masking and length, honest or not. */
function rawFrame(pick: () => number): Buffer {
  const payload = Buffer.from(
    pick() < 0.3
      ? JSON.stringify(HELLO)
      : Buffer.from(Array.from({ length: Math.floor(pick() * 120) }, () => Math.floor(pick() * 256))),
  );
  const first =
    (pick() < 0.8 ? 0x80 : 0) |
    (pick() < 0.15 ? Math.floor(pick() * 8) << 4 : 0) |
    (pick() < 0.5 ? 1 : Math.floor(pick() * 16));
  const masked = pick() < 0.85;
  const claimed = pick() < 0.9 ? Math.min(125, payload.length) : Math.floor(pick() * 126);
  const key = Buffer.from([1, 2, 3, 4]);
  const body = Buffer.from(payload.subarray(0, 125));
  if (masked)
    for (let index = 0; index < body.length; index += 1) body[index] = (body[index] ?? 0) ^ (key[index % 4] ?? 0);
  return Buffer.concat([Buffer.from([first, (masked ? 0x80 : 0) | claimed]), ...(masked ? [key] : []), body]);
}
