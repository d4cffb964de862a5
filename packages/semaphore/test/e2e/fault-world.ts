import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import type { SharedHealth } from '../../src/index.ts';
import { startRedis, type TestRedis } from '../../../../test/services/start-redis.ts';
import { connectPort, TestAccount, until, type TestPort } from '../redis/test-account.ts';
import { Observer } from './observer.ts';
import { Proxy } from './proxy.ts';
import type { WorkerOrders } from './redis-worker.ts';

const WORKER = fileURLToPath(new URL('redis-worker.ts', import.meta.url));
/** The clients are CommonJS and ask for builtins by `require`. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
const LIMITS = { global: 5, glm: 2, kimi: 3 };

interface Counts {
  readonly granted: number;
  readonly lost: number;
  readonly refused: number;
  readonly unhandled: number;
}

/** One process of the account, with a wire of its own to Redis. */
export class Worker {
  readonly name: string;
  readonly proxy: Proxy;
  readonly child: ChildProcess;
  /** Every state it told of, oldest first. */
  readonly states: SharedHealth[] = [];
  isReady = false;
  private counts: Counts | undefined = undefined;

  constructor(script: string, name: string, proxy: Proxy, orders: Omit<WorkerOrders, 'name'>) {
    this.name = name;
    this.proxy = proxy;
    this.child = fork(script, [JSON.stringify({ name, ...orders })], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child.on('message', (message: { shared?: SharedHealth; counts?: Counts; ready?: true }) => {
      if (message.shared !== undefined) this.states.push(message.shared);
      if (message.counts !== undefined) this.counts = message.counts;
      if (message.ready === true) this.isReady = true;
    });
  }

  /** Asks what it has seen. */
  async ask(word: 'counts' | 'stop' = 'counts'): Promise<Counts> {
    this.counts = undefined;
    this.child.send(word);
    await until(() => this.counts !== undefined, `${this.name} answers`);
    if (this.counts === undefined) throw new Error('no counts');
    return this.counts;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
}

/** Four processes that share one account through one Redis, and an observer that knows neither. */
export class FaultWorld {
  readonly ttlMs: number;
  readonly observer: Observer = new Observer(LIMITS);
  readonly workers: Worker[] = [];
  redis!: TestRedis;
  port!: TestPort;
  account!: TestAccount;
  private born = 0;
  private dir = '';
  private readonly unreachable: 'closed' | 'share';

  constructor(ttlMs: number, unreachable: 'closed' | 'share' = 'closed') {
    this.ttlMs = ttlMs;
    this.unreachable = unreachable;
  }

  async open(count: number): Promise<void> {
    // Bundled once: a killed worker's successor then starts in no time.
    this.dir = await mkdtemp(join(tmpdir(), 'exai-worker-'));
    await build({
      entryPoints: [WORKER],
      outfile: this.script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      conditions: ['@exai/source'],
      banner: { js: BANNER },
      logLevel: 'error',
    });
    this.redis = await startRedis({ keepsData: true });
    this.port = await connectPort(this.redis.url);
    this.account = new TestAccount(this.port, { ttlMs: this.ttlMs });
    await this.observer.listen();
    await Promise.all(Array.from({ length: count }, () => this.spawn()));
    await until(() => this.workers.every(({ isReady }) => isReady), 'all workers are ready');
    await this.progress(50);
  }

  private get script(): string {
    return join(this.dir, 'worker.mjs');
  }

  /** Another process; every second one has a clock that is wrong by ten seconds, either way. */
  async spawn(): Promise<Worker> {
    const proxy = new Proxy(this.redis.port);
    await proxy.listen();
    this.born += 1;
    const worker = new Worker(this.script, `w${this.born}`, proxy, {
      url: `redis://127.0.0.1:${proxy.port}`,
      adapter: this.born % 2 === 0 ? 'ioredis' : 'redis',
      observer: this.observer.port,
      account: this.account.account,
      ttlMs: this.ttlMs,
      seed: this.born,
      skewMs: [0, 10_000, -10_000, 0][this.born % 4] ?? 0,
      lanes: 4,
      holdMs: 30,
      unreachable: this.unreachable,
    });
    this.workers.push(worker);
    return worker;
  }

  /** Seconds and microseconds by the clock of Redis. */
  async serverTime(): Promise<[number, number]> {
    const time = await this.port.command('TIME');
    const [seconds, micros] = Array.isArray(time) ? time.map(Number) : [];
    return [seconds ?? Number.NaN, micros ?? Number.NaN];
  }

  /** When the lease of each process ends, by the clock of Redis, in epoch milliseconds. */
  async leaseEnds(): Promise<Map<string, number>> {
    const state = await this.account.state();
    return new Map([...state].filter(([field]) => field.startsWith('e/')).map(([field, end]) => [field, Number(end)]));
  }

  /** Waits until this many more pieces of work have begun. */
  async progress(count: number): Promise<void> {
    const goal = this.observer.begun + count;
    await until(() => this.observer.begun >= goal, `${count} more calls start`);
  }

  /** Ends a process while it works at a provider, without a chance to give anything back. */
  async killBusy(provider: string): Promise<Worker> {
    let victim: Worker | undefined;
    await until(() => {
      victim = this.workers.find(({ name, isReady }) => isReady && this.observer.of(name, provider) > 0);
      return victim !== undefined;
    }, 'somebody works');
    if (victim === undefined) throw new Error('nobody works');
    victim.signal('SIGKILL');
    this.workers.splice(this.workers.indexOf(victim), 1);
    victim.proxy.close();
    return victim;
  }

  async close(): Promise<void> {
    for (const { child, proxy } of this.workers) {
      child.kill('SIGKILL');
      proxy.close();
    }
    this.observer.close();
    this.port.end();
    await this.redis.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}
