import { TieredSemaphore } from '@exai/semaphore';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { CallError } from '../src/calls/call-error.ts';
import { RunDoor } from '../src/door/run-door.ts';

const realImmediate = setImmediate;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const PERMITS = 4;
const STEPS = 4;
const STEP_MS = 100;
const WORK_MS = STEPS * STEP_MS;
/** Runs per second that the permits can do. */
const POSSIBLE = (PERMITS * 1000) / WORK_MS;
const SEEDS = [1, 2, 3, 4, 5];

interface World {
  readonly name: string;
  readonly sessions: number;
  /** Which session the nth run is of. */
  readonly sessionOf: (n: number, random: () => number, sessions: number) => number;
  /** Steps take `STEP_MS` ± this share. */
  readonly jitter: number;
  /** Deadline of a run, times its work. */
  readonly patience: number;
  readonly load: number;
}

const inTurn = (n: number, _random: () => number, sessions: number): number => n % sessions;
const anyone = (_n: number, random: () => number, sessions: number): number => Math.floor(random() * sessions);
const mostlyFirst = (n: number, random: () => number, sessions: number): number =>
  random() < 0.6 ? 0 : anyone(n, random, sessions);

const worlds: readonly World[] = [
  { name: 'four sessions in turn', sessions: 4, sessionOf: inTurn, jitter: 0.05, patience: 4, load: 2 },
  { name: 'four at random, steps of any length', sessions: 4, sessionOf: anyone, jitter: 0.9, patience: 4, load: 2 },
  { name: 'a hog beside three others', sessions: 4, sessionOf: mostlyFirst, jitter: 0.3, patience: 4, load: 2 },
  { name: 'eight sessions', sessions: 8, sessionOf: anyone, jitter: 0.3, patience: 4, load: 2 },
  { name: 'little patience', sessions: 4, sessionOf: anyone, jitter: 0.3, patience: 2.5, load: 2 },
  { name: 'five times the load', sessions: 4, sessionOf: anyone, jitter: 0.3, patience: 4, load: 5 },
];

describe('behind the door', () => {
  it.each(worlds)('goodput is what the permits can do, and next to nothing ends late: $name', async (world) => {
    const [shares, begun, late]: [number[], number[], number[]] = [[], [], []];
    for (const seed of SEEDS) {
      const one = await goodput(world, seed);
      shares.push(one.perSecond / POSSIBLE);
      begun.push(one.begun);
      late.push(one.late);
    }
    expect(sum(shares) / SEEDS.length).toBeGreaterThan(0.94);
    expect(Math.min(...shares)).toBeGreaterThan(0.85);
    expect(sum(late) / sum(begun)).toBeLessThan(0.06);
  });

  it('below the capacity nothing is refused', async () => {
    const world = { name: '', sessions: 4, sessionOf: anyone, jitter: 0.5, patience: 4, load: 0.6 };
    expect(await goodput(world, 7)).toMatchObject({ refused: 0, late: 0 });
  });
});

interface Run {
  readonly end: 'ok' | 'refused' | 'late';
  readonly from: number;
  readonly to: number;
}

/** Sends runs at `load` times what is possible; counts what ends in time once the first are through. */
async function goodput(world: World, seed: number) {
  const random = seeded(seed);
  const semaphore = new TieredSemaphore({
    global: PERMITS,
    session: PERMITS,
    providers: { glm: PERMITS },
    leak: 'off',
  });
  const door = new RunDoor({ maxRuns: { glm: 2 * PERMITS }, maxWaiting: 1000, permits: () => PERMITS });
  const runs: Promise<Run>[] = [];
  const startedAt = performance.now();
  const asked = Math.round(40 * world.load);
  for (let n = 0; n < asked; n += 1) {
    const session = `s${world.sessionOf(n, random, world.sessions)}`;
    const stepMs = (): number => STEP_MS * (1 + world.jitter * (2 * random() - 1));
    runs.push(run({ door, semaphore, session, stepMs, deadlineMs: world.patience * WORK_MS }));
    await passMs(1000 / (POSSIBLE * world.load));
  }
  const [from, to] = [startedAt + 1.5 * world.patience * WORK_MS, performance.now()];
  await passMs(world.patience * WORK_MS);
  const ended = await Promise.all(runs);
  expect(door.size).toBe(0);
  await semaphore.close();
  const of = (end: Run['end']): readonly Run[] => ended.filter((one) => one.end === end);
  const done = of('ok').reduce((sum, one) => sum + overlap(one, { from, to }), 0);
  const [refused, late] = [of('refused').length, of('late').length];
  return { perSecond: (1000 * done) / (to - from), refused, late, begun: asked - refused };
}

interface RunOf {
  readonly door: RunDoor;
  readonly semaphore: TieredSemaphore;
  readonly session: string;
  readonly stepMs: () => number;
  readonly deadlineMs: number;
}

/** One run of {@link STEPS} steps, each behind a permit; cut at its deadline. */
async function run({ door, semaphore, session, stepMs, deadlineMs }: RunOf): Promise<Run> {
  const deadlineAt = Date.now() + deadlineMs;
  let from = performance.now();
  const end = (how: Run['end']): Run => ({ end: how, from, to: performance.now() });
  try {
    const answer = door.enter({ provider: 'glm', session, tool: 'run', deadlineAt });
    const pass = 'pass' in answer ? answer.pass : await answer.waiting;
    from = performance.now();
    for (let step = 0; step < STEPS; step += 1) {
      const permit = await semaphore.acquire({ provider: 'glm', session });
      await new Promise((resolve) => setTimeout(resolve, Math.min(stepMs(), Math.max(0, deadlineAt - Date.now()))));
      permit.release();
      if (Date.now() < deadlineAt || step === STEPS - 1) continue;
      pass.leave(false);
      return end('late');
    }
    pass.leave(true);
    return end(Date.now() < deadlineAt ? 'ok' : 'late');
  } catch (error) {
    if (CallError.is(error)) return end('refused');
    throw error;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function overlap(a: { from: number; to: number }, b: { from: number; to: number }): number {
  return Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from)) / (a.to - a.from);
}

/** Lets time pass, timer by timer, and what each sets off come to rest. */
async function passMs(ms: number): Promise<void> {
  const until = performance.now() + ms;
  setTimeout(() => undefined, ms);
  while (performance.now() < until) {
    vi.advanceTimersToNextTimer();
    await new Promise((resolve) => realImmediate(resolve));
  }
}

/** A mulberry32 generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
