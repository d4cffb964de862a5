import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { KeptResults } from '../src/calls/kept-results.ts';
import { chatOf, connect, startServer } from './test-server.ts';

/** Ample: what is waited for is a condition. */
const PATIENT = { timeout: 30_000, interval: 20 };

afterEach(() => {
  vi.useRealTimers();
});

describe('results kept for calls that are sent again', () => {
  it('are there for their time and then gone, also from the memory of a server nobody calls', () => {
    vi.useFakeTimers();
    const kept = new KeptResults(3_600_000);
    kept.keep('early', 'a', { text: 'one' });
    vi.advanceTimersByTime(1_800_000);
    kept.keep('late', 'b', { text: 'two' });
    vi.advanceTimersByTime(1_799_999);
    expect(kept.get('early')).toMatchObject({ argsDigest: 'a', result: { text: 'one' } });
    vi.advanceTimersByTime(1);
    expect([kept.get('early'), kept.get('late')?.result.text, kept.size]).toEqual([undefined, 'two', 1]);
    vi.advanceTimersByTime(1_800_000);
    expect(kept.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('give way, oldest first, when they are more than 2000 or more than 32 Mi characters', () => {
    const kept = new KeptResults(3_600_000);
    for (let index = 0; index < 2001; index += 1) kept.keep(`r${index}`, '', { text: 'x' });
    expect([kept.size, kept.get('r0'), kept.get('r1')?.result.text]).toEqual([2000, undefined, 'x']);
    const large = 'x'.repeat(20 * 1024 * 1024);
    kept.keep('large', '', { text: large });
    kept.keep('larger', '', { text: large });
    expect([kept.get('r2000'), kept.get('large')]).toEqual([undefined, undefined]);
    expect(kept.get('larger')?.result.text).toHaveLength(large.length);
  });
});

/** Time of a server made after this stands still but for what is added here; sockets and simulated providers go on. */
function holdTime(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], shouldAdvanceTime: true });
  return (ms) => void vi.advanceTimersByTime(ms);
}

const HOUR_MS = 3_600_000;

describe('a server with journals in memory', () => {
  it('answers a key again and goes on with a conversation for an hour, and forgets both after it', async () => {
    const pass = holdTime();
    const server = await startServer({ store: 'memory' });
    const calls = (): number => server.models.simulator?.log.calls.length ?? 0;
    const client = await connect(server);
    client.call('a', 'chat', chatOf(5), { idempotencyKey: 'k' });
    const first = await client.end('a');
    const continuation = { ...chatOf(5), continuation_id: first['structured'].continuation_id };
    pass(HOUR_MS - 60_000);
    const later = await connect(server);
    later.call('b', 'chat', chatOf(5), { idempotencyKey: 'k' });
    expect(await later.end('b')).toMatchObject({ type: 'result', replayed: true, content: first['content'] });
    later.call('c', 'chat', continuation);
    expect((await later.end('c')).type).toBe('result');
    expect(calls()).toBe(2);
    pass(HOUR_MS + HOUR_MS / 3);
    const last = await connect(server);
    await vi.waitFor(async () => expect(await server.engine.list()).toEqual([]), PATIENT);
    last.call('d', 'chat', continuation);
    expect((await last.end('d'))['error'].code).toBe('INVALID_ARGUMENTS');
    last.call('e', 'chat', chatOf(5), { idempotencyKey: 'k' });
    const again = await last.end('e');
    expect(again).toMatchObject({ type: 'result', stop: { kind: 'complete' } });
    expect(again['replayed']).toBeUndefined();
    expect(calls()).toBe(3);
  });
});

describe('a server with journals on disk', () => {
  it('answers a key from the journal when the memory has forgotten it, until the journal is pruned after a week', async () => {
    const pass = holdTime();
    const dataDir = await mkdtemp(join(tmpdir(), 'exai-kept-'));
    const server = await startServer({ store: 'file', dataDir });
    const client = await connect(server);
    const journals = async (): Promise<string[]> =>
      (await readdir(join(dataDir, 'journals'))).filter((name) => name.startsWith('run_'));
    client.call('a', 'chat', chatOf(5), { idempotencyKey: 'k' });
    const first = await client.end('a');
    pass(6 * 24 * HOUR_MS);
    const later = await connect(server);
    later.call('b', 'chat', chatOf(5), { idempotencyKey: 'k' });
    expect(await later.end('b')).toMatchObject({ replayed: true, content: first['content'] });
    expect(server.models.simulator?.log.calls).toHaveLength(1);
    expect(await journals()).toHaveLength(1);
    pass(24 * HOUR_MS + HOUR_MS);
    await vi.waitFor(async () => expect(await journals()).toEqual([]), PATIENT);
    const last = await connect(server);
    last.call('c', 'chat', chatOf(5), { idempotencyKey: 'k' });
    expect((await last.end('c'))['replayed']).toBeUndefined();
    expect(server.models.simulator?.log.calls).toHaveLength(2);
  });
});
