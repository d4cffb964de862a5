import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'tsup';

import { LEVELS, PEERS } from './contenders.ts';
import { bar, printBars } from './bars.ts';

const run = promisify(execFile);
const isFull = process.argv.includes('--full');
const peersDir = fileURLToPath(new URL('../../../bench-peers/semaphore/', import.meta.url));
const peersFile = pathToFileURL(join(peersDir, 'peers.mjs')).href;

/** Rounds per case: enough for a median, few enough for 50 s. */
const ROUNDS = isFull ? 7 : 3;
const TIER_ROUNDS = 5;
const WAITERS = 100_000;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** All of one kind of measurement: values by contender, one per round. */
class Table {
  private readonly rows = new Map<string, number[]>();
  private readonly title: string;

  constructor(title: string) {
    this.title = title;
  }

  add(contender: string, value: number): void {
    this.rows.set(contender, [...(this.rows.get(contender) ?? []), value]);
  }

  of(contender: string): readonly number[] {
    return this.rows.get(contender) ?? [];
  }

  /** The median of the ratios of values of one round: what slows a round slows both sides. */
  ratio(over: string, under: string): number {
    return median(this.of(over).map((value, round) => value / (this.of(under)[round] ?? Number.NaN)));
  }

  print(): void {
    console.log(`\n${this.title}`);
    for (const [contender, values] of this.rows) {
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const spread = `${show(low)} … ${show(high)}`;
      console.log(`  ${contender.padEnd(28)} ${show(median(values)).padStart(10)}   ${spread.padStart(22)}`);
    }
  }
}

function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

async function main(): Promise<void> {
  if (isFull && !existsSync(join(peersDir, 'node_modules')))
    await run('npm', ['install', '--prefix', peersDir, '--no-audit', '--no-fund']);
  // One bundle for all processes, so that none spends its time on compiling.
  const outDir = await mkdtemp(join(tmpdir(), 'semaphore-bench-'));
  try {
    const entry = { 'bench-process': fileURLToPath(new URL('bench-process.ts', import.meta.url)) };
    await build({
      entry,
      outDir,
      format: 'esm',
      target: 'node20',
      config: false,
      silent: true,
      clean: false,
      dts: false,
      noExternal: [/^(async-mutex|eventemitter3|tslib)/],
      outExtension: () => ({ js: '.mjs' }),
    });
    const script = join(outDir, 'bench-process.mjs');
    await measureAll((...args) => measure(script, args));
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
  printBars('semaphore');
}

type Measure = (kind: string, contender: string, size: number) => Promise<number>;

async function measure(script: string, [kind, contender, size]: [string, string, number]): Promise<number> {
  const { stdout } = await run(process.execPath, ['--expose-gc', script, kind, contender, String(size), peersFile]);
  return Number(stdout.trim());
}

async function measureAll(measureOne: Measure): Promise<void> {
  await measureUncontended(measureOne);
  await measureWaiters(measureOne);
  await measureCancel(measureOne);
  await measureHeap(measureOne);
  await measureTiers(measureOne);
  await measureHog(measureOne);
}

async function measureUncontended(measureOne: Measure): Promise<void> {
  const table = new Table('uncontended acquire + release, CPU ns (median, spread)');
  const peers = isFull ? PEERS : [];
  for (let round = 0; round < ROUNDS; round += 1)
    for (const contender of ['ring', 'list+permit', 'async-mutex', ...LEVELS, ...peers])
      table.add(contender, await measureOne('uncontended', contender, contender === 'strict' ? 3000 : 50_000));
  table.print();
  bar('uncontended-off-vs-list', '<=', 1.4, table.ratio('off', 'list+permit'));
  bar('uncontended-track-vs-async-mutex', '<=', 1, table.ratio('track', 'async-mutex'));
  bar('uncontended-standard-vs-async-mutex', '<=', 3, table.ratio('standard', 'async-mutex'));
}

async function measureWaiters(measureOne: Measure): Promise<void> {
  const table = new Table(`${WAITERS} waiters behind 10 permits, CPU ms (median, spread)`);
  const fast = ['ring', 'list+permit', 'standard'];
  for (let round = 0; round < ROUNDS; round += 1)
    for (const contender of isFull ? [...fast, 'off', 'track', ...PEERS] : fast)
      table.add(contender, await measureOne('waiters', contender, WAITERS));
  // Seconds each: once is enough to tell a factor of 5.
  for (let round = 0; round < (isFull ? 3 : 1); round += 1)
    table.add('async-mutex', await measureOne('waiters', 'async-mutex', WAITERS));
  table.print();
  bar('waiters-100k-vs-ring', '<=', 2.5, table.ratio('standard', 'ring'));
  const factor = median(table.of('async-mutex')) / median(table.of('standard'));
  bar('waiters-100k-async-mutex-over-ours', '>=', 5, factor);
}

async function measureCancel(measureOne: Measure): Promise<void> {
  const table = new Table('cancel all waiters of one shared signal, CPU ms (median, spread)');
  for (let round = 0; round < ROUNDS; round += 1)
    for (const size of [10_000, WAITERS]) table.add(String(size), await measureOne('cancel', 'standard', size));
  table.print();
  bar('cancel-100k-over-10k', '<=', 15, table.ratio(String(WAITERS), '10000'));
}

async function measureHeap(measureOne: Measure): Promise<void> {
  const table = new Table('heap per waiter, bytes');
  for (const contender of ['Semaphore', 'TieredSemaphore'].flatMap((kind) => [
    `${kind} timeoutMs`,
    `${kind} deadlineAt`,
  ]))
    table.add(contender, await measureOne('heap', contender, WAITERS));
  table.print();
  const worst = Math.max(
    ...[
      'Semaphore timeoutMs',
      'Semaphore deadlineAt',
      'TieredSemaphore timeoutMs',
      'TieredSemaphore deadlineAt',
    ].flatMap((contender) => table.of(contender)),
  );
  bar('heap-bytes-per-waiter', '<=', 430, worst);
}

async function measureTiers(measureOne: Measure): Promise<void> {
  const table = new Table('cost of a tiered grant by sessions, CPU ns (median, spread)');
  for (let round = 0; round < TIER_ROUNDS; round += 1)
    for (const sessions of [60, 10_000])
      table.add(`${sessions} sessions`, await measureOne('tierGrant', 'tiered', sessions));
  table.print();
  const cost = (sessions: number): number => median(table.of(`${sessions} sessions`));
  bar('tier-grant-10k-over-60-sessions', '<=', 1.5, cost(10_000) / cost(60));
}

async function measureHog(measureOne: Measure): Promise<void> {
  const table = new Table(
    "a light session's p99 wait beside a backlog of 10,000, over beside 2 in flight (median, spread)",
  );
  for (const seed of isFull ? [1, 2, 3, 4, 5, 6, 7] : [1, 2])
    table.add('ratio', await measureOne('hog', String(seed), 10_000));
  table.print();
  bar('hog-p99-ratio', '<=', 1.2, median(table.of('ratio')));
}

await main();
