import { BenchClient } from './bench-client.ts';
import { type Child, startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { slope } from './statistics.ts';

/** Full: as the bar says. Quick: fewer, and fewer calls in each, which a slope does not notice. */
const SIZES = { full: { cycles: 10_000, calls: 10 }, quick: { cycles: 1600, calls: 2 } };
const WARMUPS = 1000;
const POINTS = 8;
const WORKERS = 8;
/** Collections are asked for until a few in a row free nothing more. */
const READINGS = 3;

/**
 * Bytes that a cycle of connect, hello, calls and close leaves behind: the slope of a line through the heap after collections.
 * The server runs without the optimising compiler, whose code would be counted as kept by it.
 */
export async function heap(full: boolean): Promise<Bar[]> {
  const { cycles, calls } = SIZES[full ? 'full' : 'quick'];
  const server = await startChild('bench-server.ts', { messagesPerSecond: 1_000_000, healthCheckMs: 1000 }, [
    '--no-opt',
  ]);
  await churn(server.url, WARMUPS, calls);
  const points = [{ x: 0, y: await settledHeap(server) }];
  for (let done = cycles / POINTS; done <= cycles; done += cycles / POINTS) {
    await churn(server.url, cycles / POINTS, calls);
    points.push({ x: done, y: await settledHeap(server) });
  }
  const { kept } = await server.ask();
  await server.stop();
  const gain = slope(points);
  const kilobytes = points.map(({ y }) => ((y - points[0]!.y) / 1024).toFixed(0)).join(' ');
  const note = `${cycles} cycles of ${calls} calls after ${WARMUPS}; KB over the first reading: ${kilobytes}; maps hold ${kept} entries`;
  return [{ name: 'heap-slope-bytes', value: kept === 0 ? gain : Number.POSITIVE_INFINITY, op: '<=', limit: 50, note }];
}

/** The least of several readings: what one collection leaves because something in flight still held it, the next one takes. */
async function settledHeap(server: Child): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < READINGS; reading += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    least = Math.min(least, (await server.ask('gc')).heapBytes);
  }
  return least;
}

async function churn(url: string, cycles: number, calls: number): Promise<void> {
  let left = cycles;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const client = await BenchClient.open(url);
      await Promise.all(Array.from({ length: calls }, () => client.call('noop')));
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}
