import { TimeoutReason, type Watchdog } from '../src/timeouts/index.ts';
import { VirtualClock } from './timeouts-clock.ts';
import type { TracedCall } from './timeouts-trace.ts';

/** Something that watches calls: a profile, a fixed setting, or an ablation. */
export interface Policy {
  readonly name: string;
  /** Begins a run over one trace; what is returned begins the watch of one call. */
  start(clock: VirtualClock, seed: number): (call: TracedCall) => Watchdog;
}

/** What became of one call. */
export interface Outcome {
  readonly call: TracedCall;
  /** Milliseconds after the request at which it was ended; `undefined` when it came to its own end. */
  readonly killedMs?: number;
  readonly reason?: TimeoutReason;
}

/** A call nobody ends is given up after this long. */
export const GIVE_UP_MS = 3_600_000;
const KEEP_ALIVE_MS = 10_000;

/** Runs a policy over the calls of one trace, one after the other, on virtual time. */
export function replay(policy: Policy, calls: readonly TracedCall[], seed: number): Outcome[] {
  const clock = new VirtualClock();
  const begin = policy.start(clock, seed);
  return calls.map((call) => replayCall(call, begin(call), clock));
}

function replayCall(call: TracedCall, dog: Watchdog, clock: VirtualClock): Outcome {
  const start = clock.now();
  let killedAt: number | undefined;
  dog.signal.addEventListener('abort', () => {
    killedAt = clock.now();
  });
  const hangMs = call.hangMs ?? Number.POSITIVE_INFINITY;
  for (const delta of call.deltas) {
    if (killedAt !== undefined || delta.atMs > hangMs) break;
    clock.moveTo(start + delta.atMs);
    dog.progress(delta.phase);
  }
  if (call.hangMs === undefined) clock.moveTo(start + call.endMs);
  else waitInHang(call, dog, clock, start + hangMs, start + GIVE_UP_MS);
  const reason: unknown = dog.signal.reason;
  dog.end('done');
  if (killedAt === undefined || !TimeoutReason.is(reason)) return { call };
  return { call, killedMs: killedAt - start, reason };
}

function waitInHang(call: TracedCall, dog: Watchdog, clock: VirtualClock, from: number, until: number): void {
  clock.moveTo(from);
  for (let next = from + KEEP_ALIVE_MS; next < until && !dog.signal.aborted; next += KEEP_ALIVE_MS) {
    clock.moveTo(next);
    if (call.keepAlive) dog.liveness();
  }
}

/** The figures of a policy over all seeds. Shares are in per cent, times in seconds. */
export interface Score {
  readonly name: string;
  readonly falseNormal: number;
  readonly falseDegraded: number;
  readonly falseAfter: number;
  readonly falseAll: number;
  /** Among the first 200 calls of each seed. */
  readonly falseCold: number;
  /** From the 150th call after the shift ended. */
  readonly falseRecovered: number;
  readonly detectMean: number;
  readonly detectP50: number;
  readonly detectP95: number;
  readonly detectP99: number;
  readonly neverDetected: number;
}

const COLD_CALLS = 200;
const RECOVERY_CALLS = 150;

/** Sums up the runs of a policy, one per seed. */
export function score(name: string, runs: readonly (readonly Outcome[])[]): Score {
  const all = runs.flat();
  const normal = all.filter(({ call }) => !call.degraded && !call.after);
  const after = all.filter(({ call }) => call.after);
  const recovered = runs.flatMap((run) => run.filter(({ call }) => call.after).slice(RECOVERY_CALLS));
  const hangs = all.filter(({ call }) => call.hangMs !== undefined);
  const detected = hangs
    .map(({ call, killedMs }) => Math.max(0, (killedMs ?? GIVE_UP_MS) - (call.hangMs ?? 0)) / 1000)
    .sort((a, b) => a - b);
  const at = (q: number): number => detected[Math.min(detected.length - 1, Math.floor(detected.length * q))] ?? 0;
  return {
    name,
    falseNormal: falseShare(normal),
    falseDegraded: falseShare(all.filter(({ call }) => call.degraded)),
    falseAfter: falseShare(after),
    falseAll: falseShare(all),
    falseCold: falseShare(runs.flatMap((run) => run.slice(0, COLD_CALLS))),
    falseRecovered: falseShare(recovered),
    detectMean: detected.reduce((sum, seconds) => sum + seconds, 0) / detected.length,
    detectP50: at(0.5),
    detectP95: at(0.95),
    detectP99: at(0.99),
    neverDetected: hangs.filter(({ killedMs }) => killedMs === undefined).length,
  };
}

function falseShare(outcomes: readonly Outcome[]): number {
  const healthy = outcomes.filter(({ call }) => call.hangMs === undefined);
  return (100 * healthy.filter(({ killedMs }) => killedMs !== undefined).length) / healthy.length;
}
