import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect as connectClient } from '@exai/server/client';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { ConnectionLimits } from '../src/http/connection-limits.ts';
import { chatOf, connect, startServer, until } from './test-server.ts';
import { upgrade } from './upgrade.ts';

/** Ample: what is waited for is a condition. */
const PATIENT_MS = 30_000;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('a connection that is too old', () => {
  it('is told to go, closed with 1012 and resumed by the client: no call is lost or done twice', async () => {
    const server = await startServer({ maxConnectionAgeMs: 100 });
    const agent = await connectClient(server.wsUrl, { delay: () => 5 });
    const [lost, resumed, told]: [unknown[], unknown[], unknown[]] = [[], [], []];
    agent.on('lost', ({ code }) => lost.push(code));
    agent.on('connected', (event) => resumed.push(event.resumed));
    agent.on('goaway', (event) => told.push(event));
    const pieces: string[] = [];
    const prompt = 'a long story about a patient reader '.repeat(20);
    const answer = await agent.call('chat', chatOf(900, 'glm', prompt), {
      onEvent: (event) => event.type === 'chunk' && pieces.push(event.delta),
    });
    await until(() => resumed.length >= 2, 'it came back twice', PATIENT_MS);
    expect(pieces.join('')).toBe(answer.text);
    expect(told[0]).toEqual({ reason: 'max_age', deadlineMs: 100 });
    expect(new Set(lost)).toEqual(new Set([1012]));
    expect(new Set(resumed)).toEqual(new Set([true]));
    expect(server.models.simulator?.log.calls).toHaveLength(1);
    expect(server.stats().sessions).toBe(1);
    await agent.close();
  });

  it('that may live for the longest time that can be set is not closed at once', async () => {
    const server = await startServer({ maxConnectionAgeMs: 2 ** 31 - 1 });
    const client = await connect(server);
    client.call('a', 'chat', chatOf(30));
    await client.end('a');
    expect(client.of('goaway')).toEqual([]);
    expect(client.closeCode).toBeUndefined();
  });
});

describe('new connections of one address', () => {
  const options = { maxConnections: 1000, perAddress: 1000, perSecond: 2 };

  it('are let in at their rate after a burst of five seconds; other addresses and loopback are not slowed', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const limits = new ConnectionLimits(options);
    const admitted = (address: string, tries: number): number =>
      Array.from({ length: tries }, () => limits.check(address)).filter((refusal) => refusal === undefined).length;
    expect(admitted('203.0.113.9', 30)).toBe(10);
    expect(limits.check('203.0.113.9')).toMatchObject({ status: 429, retryAfterSeconds: 30 });
    expect(admitted('203.0.113.10', 3)).toBe(3);
    for (const local of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) expect(admitted(local, 100)).toBe(100);
    vi.advanceTimersByTime(1000);
    expect(admitted('203.0.113.9', 30)).toBe(2);
    vi.advanceTimersByTime(3_600_000);
    expect(admitted('203.0.113.9', 30)).toBe(10);
  });

  it('beyond the rate get 429 before anything is made for them, and those within it are served', async () => {
    const server = await startServer({ connectsPerSecond: 1 });
    const peer = { address: '203.0.113.9', family: 'IPv4', port: 40_000 };
    vi.spyOn(Socket.prototype as unknown as { _getpeername(): unknown }, '_getpeername').mockReturnValue(peer);
    const refused: unknown[] = [];
    server.on('refused', (event) => refused.push(event));
    const statuses = await Promise.all(Array.from({ length: 40 }, () => upgrade(server.wsUrl)));
    const served = statuses.filter((status) => status === 101).length;
    expect(served).toBeGreaterThanOrEqual(5);
    expect(served).toBeLessThan(40);
    expect(statuses.filter((status) => status === 429)).toHaveLength(40 - served);
    expect(refused).toHaveLength(40 - served);
    expect(refused[0]).toEqual({ code: 'RATE_LIMITED', address: '203.0.113.9' });
    expect(server.stats().sessions).toBe(0);
  });
});

describe('/readyz', () => {
  it('is 503 with the reason while the journals cannot be written, and 200 by itself when they can again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'exai-ready-'));
    const journals = join(dataDir, 'journals');
    const server = await startServer({ store: 'file', dataDir });
    const client = await connect(server);
    const ready = async (): Promise<unknown> => {
      const response = await fetch(`${server.url}/readyz`);
      return response.json();
    };
    expect(await ready()).toMatchObject({ status: 'ready' });
    await rename(journals, `${journals}-away`);
    await writeFile(journals, 'this is no folder');
    client.call('a', 'chat', chatOf(5));
    expect((await client.end('a'))['error'].code).toBe('INTERNAL');
    expect(await ready()).toMatchObject({ reason: 'the store of the journals cannot be written' });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    client.send({ type: 'health', id: 'h' });
    expect(await client.next('health_report', 'h')).toMatchObject({ healthy: true, ready: false });
    await rm(journals);
    await rename(`${journals}-away`, journals);
    await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(200), PATIENT_MS);
    expect((await readdir(journals)).filter((name) => !name.endsWith('.jsonl'))).toEqual([]);
    client.call('b', 'chat', chatOf(5));
    expect((await client.end('b')).type).toBe('result');
  });
});
