import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore, type Outcome, type Permit, type SemaphoreEvents } from '../src/index.ts';

function createPool(capacity: number): { semaphore: Semaphore; moves: string[]; take: (count: number) => Permit[] } {
  const semaphore = new Semaphore({ capacity, adaptive: true });
  const moves: string[] = [];
  semaphore.on('limitChanged', ({ was, limit }) => moves.push(`${was}→${limit}`));
  const take = (count: number): Permit[] =>
    Array.from({ length: count }, () => semaphore.tryAcquire()).filter((permit) => permit !== undefined);
  return { semaphore, moves, take };
}

/** One call after the other while the pool is kept full, so that clean releases count. */
function cycle(semaphore: Semaphore, times: number, outcome: Outcome): void {
  for (let n = 0; n < times; n += 1) {
    const permits: Permit[] = [];
    for (let permit = semaphore.tryAcquire(); permit !== undefined; permit = semaphore.tryAcquire())
      permits.push(permit);
    permits.pop()?.release(outcome);
    for (const permit of permits) permit.release('ignore');
  }
}

describe('adaptive limit', () => {
  it('cuts to ⌊0.7 × limit⌋ on overload, once per generation', () => {
    const { semaphore, moves, take } = createPool(10);
    for (const permit of take(10)) permit.release('overload');
    expect(moves).toEqual(['10→7']);
    for (const permit of take(10)) permit.release('overload');
    expect(moves).toEqual(['10→7', '7→4']);
    expect(semaphore).toMatchObject({ capacity: 10, limit: 4, available: 4 });
  });

  it('never falls below 1', () => {
    const { semaphore } = createPool(10);
    cycle(semaphore, 50, 'overload');
    expect(semaphore.limit).toBe(1);
  });

  it('rises by 1 after 20 clean releases under load, never above the capacity', () => {
    const { semaphore, moves } = createPool(3);
    cycle(semaphore, 1, 'overload');
    expect(semaphore.limit).toBe(2);
    cycle(semaphore, 19, 'ok');
    expect(semaphore.limit).toBe(2);
    cycle(semaphore, 1, 'ok');
    expect(semaphore.limit).toBe(3);
    cycle(semaphore, 100, 'ok');
    expect(moves).toEqual(['3→2', '2→3']);
  });

  it('does not rise while less than half is used, nor by ignored releases', () => {
    const { semaphore, take } = createPool(10);
    take(1)[0]?.release('overload');
    expect(semaphore.limit).toBe(7);
    for (let n = 0; n < 100; n += 1) take(1)[0]?.release('ok');
    cycle(semaphore, 100, 'ignore');
    expect(semaphore.limit).toBe(7);
  });

  it('holds newcomers back to the cut limit while old holders finish', () => {
    const { semaphore, take } = createPool(10);
    const permits = take(10);
    permits[0]?.release('overload');
    expect(take(1)).toHaveLength(0);
    for (const permit of permits.slice(1, 4)) permit.release('ignore');
    expect(semaphore.held).toBe(6);
    expect(take(5)).toHaveLength(1);
  });

  it('follows a resize unless it is cut', () => {
    const { semaphore, take } = createPool(10);
    semaphore.resize(20);
    expect(semaphore.limit).toBe(20);
    take(1)[0]?.release('overload');
    semaphore.resize(30);
    expect(semaphore.limit).toBe(14);
    semaphore.resize(5);
    expect(semaphore.limit).toBe(5);
  });

  it('lets a weight above the cut limit in alone', async () => {
    const { semaphore } = createPool(10);
    cycle(semaphore, 20, 'overload');
    const heavy = await semaphore.acquire({ weight: 10 });
    expect(semaphore.tryAcquire()).toBeUndefined();
    heavy.release();
  });

  it('is one per provider, and shows in health and events', () => {
    const limits = new TieredSemaphore({
      global: 20,
      session: 20,
      providers: { glm: 10, kimi: 10 },
      adaptive: { decrease: 0.5 },
    });
    const moves: SemaphoreEvents['limitChanged'][] = [];
    limits.on('limitChanged', (move) => moves.push(move));
    limits.tryAcquire({ provider: 'glm', session: 'a' })?.release('overload');
    expect(moves).toEqual([{ provider: 'glm', limit: 5, was: 10 }]);
    expect(limits.health().providers).toMatchObject({
      glm: { capacity: 10, limit: 5 },
      kimi: { capacity: 10, limit: 10 },
    });
    expect(limits.stats().providers).toMatchObject({
      glm: { capacity: 10, limit: 5, available: 5 },
      kimi: { limit: 10 },
    });
  });
});
