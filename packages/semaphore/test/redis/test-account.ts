import { Redis } from 'ioredis';
import { createClient } from 'redis';

import {
  createRedisSemaphore,
  fromIoredis,
  fromRedis,
  type RedisPort,
  type RedisSemaphore,
  type RedisSemaphoreOptions,
} from '../../src/redis/index.ts';

/** The clients that are supported, by name. */
export const ADAPTERS = ['redis', 'ioredis'] as const;
export type Adapter = (typeof ADAPTERS)[number];

/** A port and what ends its client. */
export interface TestPort extends RedisPort {
  /** Script calls so far. */
  calls: number;
  command(...words: string[]): Promise<unknown>;
  end(): void;
}

export async function connectPort(url: string, adapter: Adapter = 'redis'): Promise<TestPort> {
  if (adapter === 'redis') {
    const client = createClient({ url, socket: { reconnectStrategy: 50 } });
    const port = fromRedis(client);
    await client.connect();
    return counted(
      port,
      (words) => client.sendCommand(words),
      () => client.destroy(),
    );
  }
  const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  return counted(
    fromIoredis(client),
    ([first = '', ...rest]) => client.call(first, ...rest),
    () => client.disconnect(),
  );
}

function counted(port: RedisPort, send: (words: string[]) => Promise<unknown>, end: () => void): TestPort {
  const test: TestPort = {
    ...port,
    calls: 0,
    eval: (...args) => {
      test.calls += 1;
      return port.eval(...args);
    },
    command: (...words) => send(words),
    end,
  };
  return test;
}

let accounts = 0;

/** One account of a test and the processes that share it, each with a semaphore of its own on one client. */
export class TestAccount {
  readonly account: string = `test-${process.pid}-${(accounts += 1)}`;
  readonly port: TestPort;
  readonly semaphores: RedisSemaphore[] = [];
  private readonly options: Partial<RedisSemaphoreOptions>;

  constructor(port: TestPort, options: Partial<RedisSemaphoreOptions> = {}) {
    this.port = port;
    this.options = options;
  }

  async join(options: Partial<RedisSemaphoreOptions> = {}): Promise<RedisSemaphore> {
    const ttlMs = options.ttlMs ?? this.options.ttlMs ?? 10_000;
    const semaphore = await createRedisSemaphore({
      global: 5,
      session: 2,
      providers: { glm: 2, kimi: 3 },
      redis: this.port,
      account: this.account,
      assumeFresh: true,
      // As patient as may be: machines are slow at times.
      callTimeoutMs: ttlMs / 2,
      ...this.options,
      ...options,
    });
    this.semaphores.push(semaphore);
    return semaphore;
  }

  get stateKey(): string {
    return `exai:{${this.account}}:state`;
  }

  /** The account's state as Redis has it. */
  async state(): Promise<Map<string, string>> {
    const reply = await this.port.command('HGETALL', this.stateKey);
    const flat = Array.isArray(reply) ? reply.map(String) : Object.entries(Object(reply)).flat().map(String);
    const state = new Map<string, string>();
    for (let index = 0; index + 1 < flat.length; index += 2) state.set(flat[index] ?? '', flat[index + 1] ?? '');
    return state;
  }

  /** Leases by pool, after checking that what Redis counts is what its records add up to. */
  async leased(): Promise<Record<string, number>> {
    const state = await this.state();
    const sums: Record<string, number> = {};
    for (const [field, text] of state) {
      if (!field.startsWith('r/')) continue;
      const pool = field.slice(field.indexOf('/', 2) + 1);
      const [kept = 0, told = 0, handed = 0] = text.split('|').map(Number);
      sums[pool] = (sums[pool] ?? 0) + kept + told + handed;
      if (pool.startsWith('p:')) sums['g'] = (sums['g'] ?? 0) + kept + told + handed;
    }
    for (const [pool, sum] of Object.entries(sums)) {
      const counted = Number(state.get(`u/${pool}`) ?? 0);
      if (counted !== sum) throw new Error(`${pool}: Redis counts ${counted}, its records ${sum}`);
    }
    for (const [field, value] of state)
      if (field.startsWith('u/') && Number(value) !== (sums[field.slice(2)] ?? 0))
        throw new Error(`${field} is ${value}, its records ${sums[field.slice(2)] ?? 0}`);
    return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum > 0));
  }

  async close(): Promise<void> {
    const closed = Promise.all(this.semaphores.map((each) => each.close({ force: true })));
    // A test that failed may hold permits for ever.
    await Promise.race([closed, sleep(2000)]);
  }
}

/** Waits for a condition, at most half a minute: machines are slow at times. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await sleep(5);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
