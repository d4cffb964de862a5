import { Presets, SingleBar } from 'cli-progress';

import type { CallRecord } from '../call-records.ts';
import { formatMs } from '../duration.ts';
import type { RunProgress } from '../run-options.ts';
import { percentileOf } from '../statistics.ts';
import type { CliIo } from './io.ts';

/** How a run is shown while it goes on. */
export interface ProgressView {
  readonly onProgress: (progress: RunProgress) => void;
  readonly onCall: (record: CallRecord) => void;
  readonly end: () => void;
}

/** Calls of the recent past that the live percentiles are made from: a change shows within seconds. */
const RECENT_CALLS = 200;
const LINE_EVERY_MS = 5000;

/** A bar on a terminal, a line every five seconds anywhere else, nothing with `off`. */
export function createProgressView(io: CliIo, live: 'auto' | 'plain' | 'off'): ProgressView {
  if (live === 'off') return { onProgress: () => undefined, onCall: () => undefined, end: () => undefined };
  const recent = new RecentCalls();
  const onCall = (record: CallRecord): void => recent.add(record);
  return io.terminal && live === 'auto'
    ? { onCall, ...barOn(io.terminal, recent) }
    : { onCall, ...linesOn(io, recent) };
}

class RecentCalls {
  readonly #responses: number[] = [];

  add({ outcome, lagMs, serviceMs }: CallRecord): void {
    if (outcome !== 'ok') return;
    this.#responses.push(lagMs + serviceMs);
    if (this.#responses.length > 2 * RECENT_CALLS) this.#responses.splice(0, RECENT_CALLS);
  }

  describe(): string {
    const sorted = Float64Array.from(this.#responses.slice(-RECENT_CALLS)).sort();
    if (sorted.length === 0) return 'no answer yet';
    return `p50 ${formatMs(percentileOf(sorted, 0.5) ?? 0)}, p95 ${formatMs(percentileOf(sorted, 0.95) ?? 0)} lately`;
  }
}

function describe(progress: RunProgress, recent: RecentCalls): string {
  const { phase, sessions, inFlight, ok, notOk } = progress;
  return `${phase}: ${sessions} sessions, ${inFlight} in flight, ${ok} ok, ${Math.max(0, notOk)} not ok, ${recent.describe()}`;
}

function barOn(stream: NodeJS.WriteStream, recent: RecentCalls): Pick<ProgressView, 'onProgress' | 'end'> {
  const bar = new SingleBar(
    { format: '{bar} {percentage}% {what}', stream, hideCursor: true, barsize: 24, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(1, 0, { what: 'connecting' });
  return {
    onProgress: (progress) =>
      bar.update(Math.min(1, progress.elapsedMs / progress.totalMs), { what: describe(progress, recent) }),
    end: () => bar.stop(),
  };
}

function linesOn(io: CliIo, recent: RecentCalls): Pick<ProgressView, 'onProgress' | 'end'> {
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastPhase = '';
  return {
    onProgress(progress) {
      const { elapsedMs, phase } = progress;
      if (phase === 'done' || (phase === lastPhase && elapsedMs - lastAt < LINE_EVERY_MS)) return;
      lastAt = elapsedMs;
      lastPhase = phase;
      io.err(`${(elapsedMs / 1000).toFixed(0).padStart(4)} s  ${describe(progress, recent)}`);
    },
    end: () => undefined,
  };
}
