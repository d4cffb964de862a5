import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore, type Permit } from '../src/index.ts';
import { microtasks } from './fake-clock.ts';
import { IS_FULL_PROOF, SeededRandom } from './seeded-random.ts';

/** 100,000 random schedules at full size, a tenth by default; 1,000 of them alive at a time. */
const BATCHES = IS_FULL_PROOF ? 100 : 10;
const BATCH = 1000;

interface Totals {
  planted: number;
  found: number;
  falselyFound: number;
  overAdmissions: number;
  lostPermits: number;
}

/** One pool with some actors, of which some plant a leak and some stay alive holding a permit. */
class Schedule {
  planted = 0;
  leaked = 0;
  overAdmissions = 0;
  readonly living: Permit[] = [];
  private running = 0;
  private readonly capacity: number;
  private readonly random: SeededRandom;
  private readonly semaphore: Semaphore | TieredSemaphore;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.capacity = this.random.int(1, 3);
    const options = { quarantineMs: 0, graceMs: 0 };
    this.semaphore = this.random.chance(0.5)
      ? new Semaphore({ capacity: this.capacity, ...options })
      : new TieredSemaphore({ global: this.capacity, session: 9, providers: { glm: 9 }, ...options });
    this.semaphore.on('leaked', () => (this.leaked += 1));
  }

  get held(): number {
    return this.semaphore instanceof Semaphore ? this.semaphore.held : this.semaphore.tier('global').held;
  }

  async play(): Promise<void> {
    // The last actors keep or leak, so that those before them are not kept waiting for ever.
    for (let n = this.random.int(1, 5); n > 0; n -= 1) void this.work().catch(() => {});
    await microtasks(200);
    for (let free = this.capacity - this.held; free > 0; free -= 1) {
      const fate = this.random.next();
      if (fate < 0.3) await this.plantLeak();
      else if (fate < 0.6) this.living.push(await this.acquire());
    }
  }

  private acquire(signal?: AbortSignal, timeoutMs?: number): Promise<Permit> {
    const more = { ...(signal !== undefined && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
    if (this.semaphore instanceof Semaphore) return this.semaphore.acquire(more);
    return this.semaphore.acquire({ provider: 'glm', session: this.random.pick(['a', 'b']), ...more });
  }

  private async work(): Promise<void> {
    const { random } = this;
    const controller = new AbortController();
    if (random.chance(0.2)) void microtasks(random.int(0, 9)).then(() => controller.abort());
    const timeoutMs = random.chance(0.1) ? 0 : undefined;
    const permit = await this.acquire(random.chance(0.5) ? controller.signal : undefined, timeoutMs);
    this.running += 1;
    if (this.running > this.capacity) this.overAdmissions += 1;
    try {
      if (random.chance(0.3)) permit.signal.addEventListener('abort', () => permit.touch());
      if (random.chance(0.3)) permit.touch('working');
      await microtasks(random.int(0, 9));
      if (random.chance(0.1)) throw new Error('work failed');
    } finally {
      this.running -= 1;
      permit.release(random.pick(['ok', 'ignore', 'overload']));
      if (random.chance(0.2)) permit.release();
    }
  }

  private async plantLeak(): Promise<void> {
    this.planted += 1;
    const permit = await this.acquire();
    const how = this.random.int(0, 4);
    if (how === 1) permit.signal.addEventListener('abort', () => permit.touch());
    if (how === 2) void new Promise(() => {}).then(() => permit.release());
    if (how === 3) permit.touch('about to be forgotten');
    if (how === 4)
      await (async function* () {
        yield permit;
        permit.release();
      })().next();
  }
}

async function playBatch(firstSeed: number, totals: Totals): Promise<void> {
  const schedules = Array.from({ length: BATCH }, (_, n) => new Schedule(firstSeed + n));
  await Promise.all(schedules.map((schedule) => schedule.play()));
  await new Promise((resolve) => setTimeout(resolve, 30));
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.();
    // V8 cleans up one registry per turn, and every pool has its own.
    for (let turn = 0; turn < BATCH + 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { planted, leaked, overAdmissions, held, living } of schedules) {
    totals.planted += planted;
    totals.found += Math.min(leaked, planted);
    totals.falselyFound += Math.max(0, leaked - planted);
    totals.overAdmissions += overAdmissions;
    totals.lostPermits += held - living.length;
  }
  // Live to the end of the batch: what is still referred to must not have been called leaked.
  for (const { living } of schedules) for (const permit of living) if (!permit.release()) totals.falselyFound += 1;
}

describe('random schedules', () => {
  it(
    `find every planted leak and no other, admit no one too many and lose no permit (${BATCHES * BATCH} schedules)`,
    { timeout: 600_000 },
    async () => {
      const totals: Totals = { planted: 0, found: 0, falselyFound: 0, overAdmissions: 0, lostPermits: 0 };
      for (let batch = 0; batch < BATCHES; batch += 1) await playBatch(1 + batch * BATCH, totals);
      expect(totals).toEqual({ ...totals, found: totals.planted, falselyFound: 0, overAdmissions: 0, lostPermits: 0 });
      expect(totals.planted).toBeGreaterThan((BATCHES * BATCH) / 4);
      console.log(JSON.stringify(totals));
    },
  );
});
