import { describe, expect, it } from 'vitest';

import { Semaphore, TieredSemaphore } from '../src/index.ts';

const NUMBERS = {
  NaN: Number.NaN,
  zero: 0,
  minusOne: -1,
  half: 0.5,
  big: 2 ** 31,
  infinity: Infinity,
  text: '1',
  missing: null,
};
type Bad = keyof typeof NUMBERS;

/** What each argument takes beyond positive integers; everything else in the table is refused. */
const RULES: readonly { argument: string; fine: readonly Bad[]; where: 'construct' | 'acquire' | 'resize' }[] = [
  { argument: 'capacity', fine: ['big', 'infinity'], where: 'construct' },
  { argument: 'maxWaiting', fine: ['zero', 'big', 'infinity', 'missing'], where: 'construct' },
  { argument: 'overdueMs', fine: ['zero', 'half', 'big', 'infinity', 'missing'], where: 'construct' },
  { argument: 'graceMs', fine: ['zero', 'half', 'big', 'infinity', 'missing'], where: 'construct' },
  { argument: 'quarantineMs', fine: ['zero', 'half', 'big', 'infinity', 'missing'], where: 'construct' },
  { argument: 'minRunMs', fine: ['zero', 'half', 'big', 'infinity', 'missing'], where: 'construct' },
  { argument: 'healthCheckMs', fine: ['big', 'infinity', 'missing'], where: 'construct' },
  { argument: 'maxHoldMs', fine: ['half', 'big'], where: 'construct' },
  { argument: 'capacity', fine: ['big', 'infinity'], where: 'resize' },
  // The pool in the table has 2 permits, so 2³¹ is above the capacity.
  { argument: 'weight', fine: [], where: 'acquire' },
  { argument: 'timeoutMs', fine: ['zero', 'half', 'big', 'infinity'], where: 'acquire' },
  { argument: 'maxHoldMs', fine: ['half', 'big'], where: 'acquire' },
  { argument: 'priority', fine: ['zero', 'minusOne', 'half', 'big'], where: 'acquire' },
];

function attempt(where: string, argument: string, value: unknown): Promise<unknown> {
  const options = { capacity: 2, [argument]: value };
  if (where === 'construct') return Promise.resolve().then(() => new Semaphore(options as never));
  const semaphore = new Semaphore(2);
  if (where === 'resize') return Promise.resolve().then(() => semaphore.resize(value as number));
  return semaphore.acquire({ [argument]: value });
}

describe.each(RULES)('$argument at $where', ({ argument, fine, where }) => {
  it.each(Object.keys(NUMBERS) as Bad[])('%s', async (name) => {
    const outcome = attempt(where, argument, NUMBERS[name]);
    if (fine.includes(name)) await outcome;
    else await expect(outcome).rejects.toBeInstanceOf(RangeError);
  });
});

describe('deadlineAt', () => {
  it.each([0, -1])('%d is long past', async (deadlineAt) => {
    await expect(new Semaphore(1).acquire({ deadlineAt })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('takes Infinity, refuses NaN', async () => {
    await new Semaphore(1).acquire({ deadlineAt: Infinity });
    await expect(new Semaphore(1).acquire({ deadlineAt: Number.NaN })).rejects.toBeInstanceOf(RangeError);
  });
});

describe('signals', () => {
  it.each([['a string'], [undefined], [null], [0], [{ code: 1 }], [new Error('no')]])(
    'reject with ABORTED whatever the reason (%s), waiting or not',
    async (reason) => {
      const semaphore = new Semaphore(1);
      const before = new AbortController();
      before.abort(reason);
      const cause = before.signal.reason as unknown;
      await expect(semaphore.acquire({ signal: before.signal })).rejects.toMatchObject({ code: 'ABORTED', cause });
      await semaphore.acquire();
      const during = new AbortController();
      const waiting = semaphore.acquire({ signal: during.signal });
      during.abort(reason);
      const error = await waiting.catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'ABORTED' });
      expect((error as Error).cause).toBe(during.signal.reason);
    },
  );

  it.each([1, 'x', {}, true])('refuse what is no signal: %s', async (signal) => {
    await expect(new Semaphore(1).acquire({ signal: signal as never })).rejects.toBeInstanceOf(RangeError);
  });
});

describe('words', () => {
  it.each([
    { leak: 'loud' },
    { onFull: 'drop' },
    { deadlock: 'ignore' },
    { leak: { recover: 'never' } },
    { shed: { targetMs: 0, intervalMs: 1 } },
    { adaptive: { decrease: 1 } },
    { adaptive: { increaseAfter: 0 } },
    { leak: { forceGc: { maxHeapMb: -1 } } },
    { leak: 'off', maxHoldMs: 10 },
    { leak: 'off', deadlock: 'throw' },
    { leak: { level: 'off', forceGc: true } },
  ])('refuses %o', (options) => {
    expect(() => new Semaphore({ capacity: 1, ...(options as object) })).toThrow(RangeError);
  });
});

describe('TieredSemaphore', () => {
  const good = { global: 2, session: 1, providers: { glm: 1 } };

  it.each([
    { global: 0 },
    { session: Number.NaN },
    { providers: { glm: -1 } },
    { providers: { '': 1 } },
    { defaultProvider: 1.5 },
    { maxWaitingPerSession: -1 },
  ])('refuses %o', (bad) => {
    expect(() => new TieredSemaphore({ ...good, ...(bad as object) })).toThrow(RangeError);
  });

  it.each([
    { provider: '' },
    { provider: 'gpt' },
    { session: '' },
    { session: undefined },
    { weight: 0 },
    { weight: Infinity },
    { label: '' },
    { timeoutMs: -1 },
  ])('rejects an ask with %o', async (bad) => {
    const limits = new TieredSemaphore(good);
    const ask = { provider: 'glm', session: 'a', ...(bad as object) };
    await expect(limits.acquire(ask)).rejects.toBeInstanceOf(RangeError);
    expect(() => limits.tryAcquire(ask)).toThrow(RangeError);
    expect(limits.stats()).toMatchObject({ sessions: 0, global: { held: 0 } });
  });

  it('refuses a view of an unknown provider', () => {
    expect(() => new TieredSemaphore(good).tier('provider', 'gpt')).toThrow(RangeError);
  });
});
