/** A server, its simulated providers and a load with every kind of fault, for as long as asked; reads what must stay flat. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createServer, type ExaiServer } from '@exai/server';
import { connect, type ExaiClient, ProtocolError } from '@exai/server/client';

const ADMIN = 'the-admin-of-this-soak';
const SESSIONS = 6;
const TOOLS = ['chat', 'chat', 'chat', 'debug', 'thinkdeep'] as const;
const FAULTS = [
  { kind: 'hang', count: 1 },
  { kind: 'error', count: 1 },
  { kind: 'cut', count: 1 },
  { kind: 'slow', factor: 3 },
  { kind: 'leak', provider: 'glm', count: 1 },
  { kind: 'leak', provider: 'kimi', count: 1 },
  { kind: 'double_release', count: 2 },
  { kind: 'drop_connection', count: 2 },
] as const;
/** Longest time for everything to come to rest after the load; the longest quarantine is well inside. */
const REST_MS = 150_000;

/** What is read at rest, after a collection: everything here must come back to where it was. */
export interface Sample {
  readonly cycle: number;
  readonly heapMb: number;
  readonly held: number;
  readonly waiting: number;
  readonly sessions: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly kept: number;
  readonly listeners: number;
  readonly fds: number;
}

/** What a soak saw. `lost` calls got no end at all. */
export interface SoakResult {
  readonly samples: readonly Sample[];
  readonly calls: number;
  readonly answered: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly leaksFound: number;
}

/** Runs cycles of load, faults and rest until `untilMs` has passed, three at least. */
export async function soak(untilMs: number, cycleMs: number, onSample: (sample: Sample) => void): Promise<SoakResult> {
  const dataDir = await mkdtemp(join(tmpdir(), 'exai-soak-'));
  const server = await (
    await createServer({
      port: 0,
      dataDir,
      simTimeScale: 0.004,
      faults: true,
      adminToken: ADMIN,
      resultTtlMs: 2000,
      pruneAfterMs: 20_000,
      resumeWindowMs: 5000,
    })
  ).listen();
  const books = { calls: 0, answered: 0, lost: 0, refused: {} as Record<string, number> };
  const samples: Sample[] = [];
  const endAt = Date.now() + untilMs;
  try {
    while (Date.now() < endAt || samples.length < 3) {
      await cycle(server, cycleMs, books);
      const sample = await readAtRest(server, samples.length + 1);
      samples.push(sample);
      onSample(sample);
    }
    return { samples, ...books, leaksFound: server.semaphore.stats().global.leaksDetected };
  } finally {
    await server.close({ graceMs: 1000 });
    await rm(dataDir, { recursive: true, force: true });
  }
}

type Books = { calls: number; answered: number; lost: number; refused: Record<string, number> };

async function cycle(server: ExaiServer, cycleMs: number, books: Books): Promise<void> {
  const endAt = Date.now() + cycleMs;
  const clients = await Promise.all(Array.from({ length: SESSIONS }, () => connect(server.wsUrl, { delay: () => 50 })));
  const load = clients.map((client, index) => callUntil(client, index, endAt, books));
  for (const fault of FAULTS) {
    await injectFault(server, fault);
    await sleep(cycleMs / (FAULTS.length + 2));
  }
  await injectFault(server, { kind: 'clear' });
  await Promise.all(load);
  await Promise.all(clients.map((client) => client.close()));
}

async function injectFault(server: ExaiServer, fault: object): Promise<void> {
  const response = await fetch(`${server.url}/admin/faults`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}` },
    body: JSON.stringify(fault),
  });
  if (!response.ok) throw new Error(`the fault ${JSON.stringify(fault)} was refused: ${await response.text()}`);
}

/** Calls one after the other; one in eight is cancelled. Every call must end, in an answer or in an error with a code. */
async function callUntil(client: ExaiClient, index: number, endAt: number, books: Books): Promise<void> {
  for (let n = index; Date.now() < endAt; n += 1) {
    books.calls += 1;
    books.lost += 1;
    const tool = TOOLS[n % TOOLS.length] ?? 'chat';
    const signal = n % 8 === 7 ? AbortSignal.timeout(30) : undefined;
    const provider = n % 2 === 0 ? 'glm' : 'kimi';
    try {
      await client.call(tool, { prompt: `soak ${n}`, provider }, { deadlineMs: 30_000, ...(signal && { signal }) });
      books.answered += 1;
    } catch (error) {
      if (!ProtocolError.is(error)) throw error;
      books.refused[error.code] = (books.refused[error.code] ?? 0) + 1;
    }
    books.lost -= 1;
  }
}

/** Waits until nothing runs any more, then collects and reads. */
async function readAtRest(server: ExaiServer, number: number): Promise<Sample> {
  const limitAt = Date.now() + REST_MS;
  while (!isAtRest(server) && Date.now() < limitAt) await sleep(100);
  await fetch(`${server.models.simulator?.url ?? ''}/__simulator/reset`, { method: 'POST' });
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await sleep(20);
  }
  const { sessions, connections, callsInFlight, kept } = server.stats();
  const { held, waiting } = server.semaphore.stats().global;
  return {
    cycle: number,
    heapMb: Number((process.memoryUsage().heapUsed / 1e6).toFixed(1)),
    held,
    waiting,
    sessions,
    connections,
    inFlight: callsInFlight,
    kept,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    fds: await openFiles(),
  };
}

function isAtRest(server: ExaiServer): boolean {
  const { sessions, connections, callsInFlight, kept } = server.stats();
  const { held, waiting } = server.semaphore.stats().global;
  return sessions + connections + callsInFlight + held + waiting === 0 && kept < 5;
}

/** Open file descriptors; 0 where the system does not tell. */
async function openFiles(): Promise<number> {
  return (await readdir('/proc/self/fd').catch(() => [])).length;
}

/** What did not stay flat, in words. The first cycles warm up; the heap is judged by the medians of the first and the last third. */
export function findGrowth({ samples, lost }: Pick<SoakResult, 'samples' | 'lost'>): string[] {
  const found = lost > 0 ? [`${lost} calls got no end`] : [];
  const last = samples.at(-1);
  for (const name of ['held', 'waiting', 'sessions', 'connections', 'inFlight'] as const) {
    if (last !== undefined && last[name] !== 0) found.push(`${name} is ${last[name]} at rest, not 0`);
  }
  const third = Math.max(1, Math.floor(samples.length / 3));
  const early = samples.slice(0, third * 2).slice(-third);
  const late = samples.slice(-third);
  const allowances = { heapMb: 8, kept: 3, listeners: 0, fds: 4 } as const;
  for (const [name, allowed] of Object.entries(allowances) as [keyof typeof allowances, number][]) {
    const [before, after] = [median(early.map((one) => one[name])), median(late.map((one) => one[name]))];
    if (after - before > allowed) found.push(`${name} grew from ${before} to ${after}`);
  }
  return found;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
