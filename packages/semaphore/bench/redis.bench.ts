import { execFile, fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createClient } from 'redis';
import { build } from 'tsup';

import type { BenchOrders, BenchSight } from './redis-bench-process.ts';
import { freePort } from '../../../test/services/free-port.ts';
import { bar, printBars } from './bars.ts';

const run = promisify(execFile);
const isFull = process.argv.includes('--full');
const peersDir = fileURLToPath(new URL('../../../bench-peers/semaphore/', import.meta.url));
const peers = pathToFileURL(join(peersDir, 'redis-peers.mjs')).href;
const ROUNDS = isFull ? 7 : 3;
/** Long against the round trip, short against a call to a model. */
const HOLD_MS = 50;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(title: string, rows: Record<string, readonly number[]>): void {
  console.log(`\n${title}`);
  for (const [name, values] of Object.entries(rows)) {
    const spread = `${show(Math.min(...values))} … ${show(Math.max(...values))}`;
    console.log(`  ${name.padEnd(36)} ${show(median(values)).padStart(10)}   ${spread.padStart(22)}`);
  }
}

function show(value: number): string {
  return value >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(3);
}

type Orders = Partial<BenchOrders> & Pick<BenchOrders, 'kind' | 'contender' | 'size'>;

/** Runs processes side by side, begun together; each round has an account of its own. */
type Measure = (...all: readonly Orders[]) => Promise<BenchSight[]>;

function createMeasure(script: string, url: string): Measure {
  return async (...all) => {
    const children = all.map((orders) => {
      const complete: BenchOrders = { url, limit: 5, holdMs: 0, runMs: 0, account: 'bench', peers, ...orders };
      return fork(script, [JSON.stringify(complete)], { execArgv: [] });
    });
    const ends = children.map((child) => sightOf(child));
    if (all.some(({ kind }) => kind !== 'contend')) {
      await Promise.all(children.map((child) => readyOf(child)));
      for (const child of children) child.send('go');
    }
    return Promise.all(ends);
  };
}

function sightOf(child: ChildProcess): Promise<BenchSight> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (typeof message === 'object' && 'sight' in message) resolve((message as { sight: BenchSight }).sight);
    });
    child.once('exit', (code) => reject(new Error(`a process of the bench has ended with code ${code}`)));
  });
}

function readyOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (message === 'ready') resolve();
    });
  });
}

/** Limit 5, no batches: 50 contenders, each a process of its own to us, ask once and hold. */
async function measureSmall(measure: Measure): Promise<void> {
  const sights: Record<BenchOrders['contender'], BenchSight[]> = { ours: [], 'redis-semaphore': [] };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const contender of ['ours', 'redis-semaphore'] as const)
      sights[contender].push(
        ...(await measure({ kind: 'contend', contender, size: 50, holdMs: HOLD_MS, account: `small-${round}` })),
      );
  const { ours, 'redis-semaphore': theirs } = sights;
  const rate = ({ grants, elapsedMs }: BenchSight): number => (grants * 1000) / elapsedMs;
  const calls = ({ grants, scriptCalls }: BenchSight): number => scriptCalls / grants;
  print(`50 contenders for 5 permits, ${HOLD_MS} ms each (median, spread)`, {
    'grants/s, ours': ours.map(rate),
    'grants/s, redis-semaphore': theirs.map(rate),
    'script calls per grant, ours': ours.map(calls),
    'script calls per grant, theirs': theirs.map(calls),
    'order inversions of 1225, ours': ours.map(({ inversions }) => inversions),
    'order inversions of 1225, theirs': theirs.map(({ inversions }) => inversions),
  });
  const overs = (read: (sight: BenchSight) => number, over: BenchSight[], under: BenchSight[]): number =>
    median(over.map((sight, round) => read(sight) / read(under[round] ?? sight)));
  bar('inversions', '=', 0, Math.max(...ours.map(({ inversions }) => inversions)));
  bar('calls-per-grant', '<=', 4, Math.max(...ours.map(calls)));
  bar('calls-peer-over-ours', '>=', 5, overs(calls, theirs, ours));
  bar('grants-small-over-peer', '>=', 0.7, overs(rate, ours, theirs));
}

/** Limit 256, two processes of 64 lanes each, which ask again as soon as they have released. */
async function measureBatched(measure: Measure): Promise<void> {
  const rates: Record<BenchOrders['contender'], number[]> = { ours: [], 'redis-semaphore': [] };
  for (let round = 0; round < (isFull ? 5 : 2); round += 1)
    for (const contender of ['ours', 'redis-semaphore'] as const) {
      const common = { kind: 'loop', contender, size: 64, limit: 256, account: `batched-${round}` } as const;
      const timed = { ...common, runMs: 1500 };
      const both = await measure(timed, timed);
      rates[contender].push(both.reduce((sum, { grants }) => sum + (grants * 1000) / timed.runMs, 0));
    }
  print('limit 256, two processes, grants/s in all (median, spread)', {
    ours: rates.ours,
    'redis-semaphore': rates['redis-semaphore'],
  });
  const ratio = median(rates.ours.map((rate, round) => rate / (rates['redis-semaphore'][round] ?? Number.NaN)));
  bar('grants-batched-over-peer', '>=', 5, ratio);
}

/** A process with one session beside one with a hundred, all with calls waiting: its part over 1/101, or under it. */
async function measureShare(measure: Measure): Promise<void> {
  const ratios: number[] = [];
  for (let round = 0; round < (isFull ? 3 : 1); round += 1) {
    const common = { kind: 'share', contender: 'ours', limit: 5, holdMs: 2, account: `share-${round}` } as const;
    const timed = { ...common, runMs: 6000 };
    const [one = 0, many = 0] = (await measure({ ...timed, size: 1 }, { ...timed, size: 100 })).map(
      ({ grants }) => grants,
    );
    const ratio = (one / (one + many)) * 101;
    console.log(`\none session beside a hundred: ${one} and ${many} grants`);
    ratios.push(Math.max(ratio, 1 / ratio));
  }
  bar('share-ratio', '<=', 1.2, median(ratios));
}

async function main(): Promise<void> {
  if (!existsSync(join(peersDir, 'node_modules', 'redis-semaphore')))
    await run('npm', ['install', '--prefix', peersDir, '--no-audit', '--no-fund']);
  const dir = await mkdtemp(join(tmpdir(), 'redis-bench-'));
  const port = await freePort();
  const redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir], {
    stdio: 'ignore',
  });
  const url = `redis://127.0.0.1:${port}`;
  try {
    const client = await createClient({ url, socket: { reconnectStrategy: 50 } })
      .on('error', () => undefined)
      .connect();
    client.destroy();
    await build({
      entry: { process: fileURLToPath(new URL('redis-bench-process.ts', import.meta.url)) },
      outDir: dir,
      format: 'esm',
      target: 'node20',
      config: false,
      silent: true,
      clean: false,
      dts: false,
      noExternal: [/.*/],
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      outExtension: () => ({ js: '.mjs' }),
    });
    const measure = createMeasure(join(dir, 'process.mjs'), url);
    await measureSmall(measure);
    await measureBatched(measure);
    await measureShare(measure);
  } finally {
    redis.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
  printBars('redis');
}

await main();
