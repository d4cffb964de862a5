import { once } from 'node:events';

import { WebSocket } from 'ws';

import { BenchClient } from './bench-client.ts';
import { type Child, startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median } from './statistics.ts';

const WIDTH = 32;
const ROUNDS = 5;
/** A round alternates often between the two, so that what else the machine does meets both. */
const SLICES = 8;

/** CPU and latency of a call that does nothing, beside a bare echo of the same frame, interleaved. */
export async function overhead(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', { messagesPerSecond: 1_000_000, bytesPerSecond: 1_000_000_000 });
  const echo = await startChild('bench-echo.ts');
  const client = await BenchClient.open(server.url);
  const bare = await EchoClient.open(echo.url);
  const [ours, lower] = [() => client.call('noop'), () => bare.call()];
  const cpu = await cpuPerCall([server, ours], [echo, lower], full);
  const latency = await addedLatency(ours, lower, full);
  await client.close();
  bare.ws.close();
  await Promise.all([server.stop(), echo.stop()]);
  return [cpu, latency];
}

type Side = readonly [child: Child, call: () => Promise<unknown>];

async function cpuPerCall(ours: Side, lower: Side, full: boolean): Promise<Bar> {
  const calls = full ? 3000 : 400;
  for (const [, call] of [ours, lower]) await many(call, full ? 40_000 : 8000);
  const rounds: { ours: number; lower: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const spent = { ours: 0, lower: 0 };
    for (let slice = 0; slice < SLICES; slice += 1) {
      spent.ours += await cpuOf(ours, calls);
      spent.lower += await cpuOf(lower, calls);
    }
    rounds.push(spent);
  }
  const perCall = (ms: number): string => ((ms / calls / SLICES) * 1000).toFixed(1);
  return {
    name: 'cpu-per-call-vs-echo',
    value: median(rounds.map((spent) => spent.ours / spent.lower)),
    op: '<=',
    limit: 4,
    note: `µs ours/echo per round: ${rounds.map((spent) => `${perCall(spent.ours)}/${perCall(spent.lower)}`).join(' ')}`,
  };
}

async function addedLatency(
  ours: () => Promise<{ tookMs: number }>,
  lower: () => Promise<{ tookMs: number }>,
  full: boolean,
): Promise<Bar> {
  const added: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const seconds = full ? 5 : 0.4;
    added.push((await p50At200(ours, seconds)) - (await p50At200(lower, seconds)));
  }
  return {
    name: 'added-latency-p50-ms',
    value: median(added),
    op: '<=',
    limit: 0.5,
    note: `rounds: ${added.map((ms) => ms.toFixed(2)).join(' ')}`,
  };
}

async function cpuOf([child, call]: Side, calls: number): Promise<number> {
  const before = (await child.ask()).cpuMs;
  await many(call, calls);
  return (await child.ask()).cpuMs - before;
}

async function many(call: () => Promise<unknown>, calls: number): Promise<void> {
  let left = calls;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

async function p50At200(call: () => Promise<{ tookMs: number }>, seconds: number): Promise<number> {
  const took: Promise<{ tookMs: number }>[] = [];
  for (let n = 0; n < seconds * 200; n += 1) {
    took.push(call());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return median((await Promise.all(took)).map(({ tookMs }) => tookMs));
}

/** Sends what a call sends and waits for it to come back. */
class EchoClient {
  readonly ws: WebSocket;
  readonly #waiting = new Map<string, { since: number; resolve: (ended: { tookMs: number }) => void }>();
  #count = 0;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on('message', (data: Buffer) => {
      const { id } = JSON.parse(data.toString('utf8'));
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.resolve({ tookMs: performance.now() - waiting.since });
    });
  }

  static async open(url: string): Promise<EchoClient> {
    const ws = new WebSocket(url, { perMessageDeflate: false });
    await once(ws, 'open');
    return new EchoClient(ws);
  }

  call(): Promise<{ tookMs: number }> {
    const id = `c${(this.#count += 1)}`;
    const ended = new Promise<{ tookMs: number }>((resolve) =>
      this.#waiting.set(id, { since: performance.now(), resolve }),
    );
    this.ws.send(JSON.stringify({ type: 'call', id, tool: 'noop', arguments: {}, stream: false }));
    return ended;
  }
}
