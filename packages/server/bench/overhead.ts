import { once } from 'node:events';

import { WebSocket } from 'ws';

import { BenchClient } from './bench-client.ts';
import { type Child, startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median, slope } from './statistics.ts';

const WIDTH = 32;

/** CPU and latency of a call that does nothing, beside a bare echo of the same frame, interleaved. */
export async function overhead(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', { messagesPerSecond: 1_000_000, bytesPerSecond: 1_000_000_000 });
  const echo = await startChild('bench-echo.ts');
  const client = await BenchClient.open(server.url);
  const bare = await EchoClient.open(echo.url);
  const calls = full ? 20_000 : 4000;
  const rounds = 5;
  for (const run of [() => client.call('noop'), () => bare.call()]) await many(run, calls / 2);
  const ratios: number[] = [];
  const each: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const ours = await cpuPerCall(server, () => client.call('noop'), calls);
    const lower = await cpuPerCall(echo, () => bare.call(), calls);
    ratios.push(ours / lower);
    each.push(`${(ours * 1000).toFixed(0)}/${(lower * 1000).toFixed(0)}`);
  }
  const added: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const seconds = full ? 5 : 2;
    added.push((await p50At200(() => client.call('noop'), seconds)) - (await p50At200(() => bare.call(), seconds)));
  }
  await client.close();
  bare.ws.close();
  await Promise.all([server.stop(), echo.stop()]);
  return [
    {
      name: 'cpu-per-call-vs-echo',
      value: median(ratios),
      op: '<=',
      limit: 4,
      note: `µs ours/echo per round: ${each.join(' ')}`,
    },
    {
      name: 'added-latency-p50-ms',
      value: median(added),
      op: '<=',
      limit: 0.5,
      note: `rounds: ${added.map((ms) => ms.toFixed(2)).join(' ')}`,
    },
  ];
}

/** Heap after collections over cycles of connect, hello, ten calls and close. */
export async function heap(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', { messagesPerSecond: 1_000_000, healthCheckMs: 1000 });
  const cycles = full ? 10_000 : 1500;
  const warmups = full ? 1000 : 500;
  await churn(server.url, warmups);
  const points: { x: number; y: number }[] = [];
  for (let done = 0; done <= cycles; done += cycles / 10) {
    if (done > 0) await churn(server.url, cycles / 10);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { heapBytes } = await server.ask('gc');
    points.push({ x: done, y: heapBytes });
  }
  const { kept } = await server.ask();
  await server.stop();
  const gain = slope(points);
  const note = `${cycles} cycles with 10 calls each after ${warmups}; maps hold ${kept} entries at the end`;
  return [{ name: 'heap-slope-bytes', value: kept === 0 ? gain : Number.POSITIVE_INFINITY, op: '<=', limit: 50, note }];
}

async function churn(url: string, cycles: number): Promise<void> {
  let left = cycles;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const client = await BenchClient.open(url);
      await Promise.all(Array.from({ length: 10 }, () => client.call('noop')));
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

async function cpuPerCall(child: Child, call: () => Promise<unknown>, calls: number): Promise<number> {
  const before = (await child.ask()).cpuMs;
  await many(call, calls);
  return ((await child.ask()).cpuMs - before) / calls;
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
