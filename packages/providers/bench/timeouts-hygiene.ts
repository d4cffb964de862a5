import {
  AdaptiveTimeouts,
  type Observation,
  type Phase,
  PHASES,
  TimeoutReason,
  Watchdog,
} from '../src/timeouts/index.ts';
import { VirtualClock } from './timeouts-clock.ts';

const KEY = { provider: 'kimi', model: 'kimi-k2.6', thinking: true, tools: true } as const;
const SECOND = 1000;
const CHUNKS = 1_000_000;
const CALLS = 1000;
const ROUNDS = 5;

/** What one delta costs, in microseconds: the median of rounds, each the mean over calls of a thousand deltas with their budgets and their learning. */
export function costPerChunk(): { readonly medianUs: number; readonly spreadUs: readonly [number, number] } {
  const timeouts = new AdaptiveTimeouts();
  const rounds = Array.from({ length: ROUNDS }, () => {
    const from = performance.now();
    for (let call = 0; call < CALLS; call += 1) {
      const dog = timeouts.watch(KEY, { promptTokens: 1000 });
      for (let i = 0; i < CHUNKS / CALLS; i += 1) dog.progress(i < 500 ? 'reasoning' : 'text');
      dog.end('done');
    }
    return ((performance.now() - from) * 1000) / CHUNKS;
  }).sort((a, b) => a - b);
  return { medianUs: rounds[2] ?? 0, spreadUs: [rounds[0] ?? 0, rounds.at(-1) ?? 0] };
}

/** Sample storage of a key that was seen in every phase, in bytes. */
export function bytesPerKey(): number {
  const timeouts = new AdaptiveTimeouts();
  const seen = PHASES.filter((phase) => phase !== 'connect').map((phase): Observation => ({ phase, ms: 1000 }));
  for (let i = 0; i < 1000; i += 1) timeouts.observe(KEY, ...seen);
  return timeouts.bytesOf(KEY);
}

/** The most by which a deadline was passed, in milliseconds, over deadlines from 1 ms to 500 s in a call that streams or hangs. */
export function deadlineOverrun(): number {
  let worst = 0;
  for (let deadlineMs = 1; deadlineMs <= 500_000; deadlineMs = Math.ceil(deadlineMs * 1.31)) {
    for (const gapMs of [37, 4900, 700_000]) {
      const clock = new VirtualClock();
      const timeouts = new AdaptiveTimeouts({ clock });
      const dog = timeouts.watch(KEY, { deadlineAt: deadlineMs });
      let endedAt = Number.POSITIVE_INFINITY;
      dog.signal.addEventListener('abort', () => {
        endedAt = clock.now();
      });
      for (let at = gapMs; at < 2 * deadlineMs && !dog.signal.aborted; at += gapMs) {
        clock.moveTo(at);
        dog.progress('text');
      }
      clock.moveTo(2 * deadlineMs + SECOND);
      worst = Math.max(worst, endedAt - deadlineMs);
      dog.end('failed');
    }
  }
  return worst;
}

/** Healthy calls that were ended although only the process, the machine or the reader stood still. */
export function falseKillsWhileStandingStill(): number {
  let kills = 0;
  for (const phase of ['first', 'reasoning', 'text', 'tool-args'] as const) {
    kills += [blockedLoop, suspended, slowReader].filter((story) => story(phase)).length;
  }
  return kills;
}

/** A watch with learned, short budgets. */
function learnedWatch(clock: VirtualClock, phase: Phase): Watchdog {
  const timeouts = new AdaptiveTimeouts({ clock, random: () => 0.5 });
  const seen = (['first', 'reasoning', 'text', 'tool-args'] as const).map((p): Observation => ({ phase: p, ms: 200 }));
  for (let i = 0; i < 500; i += 1) timeouts.observe(KEY, ...seen);
  const dog = timeouts.watch(KEY);
  if (phase !== 'first') dog.progress(phase);
  return dog;
}

const dead = (dog: Watchdog): boolean => TimeoutReason.is(dog.signal.reason);

/** The loop is blocked for 5 s again and again; the deltas wait in the socket meanwhile. */
function blockedLoop(phase: Phase): boolean {
  const clock = new VirtualClock();
  const dog = learnedWatch(clock, phase);
  const next = phase === 'first' ? 'text' : phase;
  for (let at = 5 * SECOND; at <= 100 * SECOND; at += 5 * SECOND) clock.jumpTo(at, () => dog.progress(next));
  return dead(dog);
}

/** The machine sleeps for an hour in the middle of a silence, and the next delta comes 2 s after it wakes. */
function suspended(phase: Phase): boolean {
  const clock = new VirtualClock();
  const dog = learnedWatch(clock, phase);
  clock.moveTo(2 * SECOND);
  clock.jumpTo(3600 * SECOND, () => undefined);
  clock.moveTo(3602 * SECOND);
  dog.progress(phase === 'first' ? 'text' : phase);
  clock.moveTo(3603 * SECOND);
  return dead(dog);
}

/** Nobody reads for ten minutes. */
function slowReader(phase: Phase): boolean {
  const clock = new VirtualClock();
  const dog = learnedWatch(clock, phase);
  clock.moveTo(SECOND);
  dog.pause();
  clock.moveTo(601 * SECOND);
  dog.resume();
  clock.moveTo(602 * SECOND);
  dog.progress(phase === 'first' ? 'text' : phase);
  clock.moveTo(603 * SECOND);
  return dead(dog);
}
