import type { Observation, Phase } from './phase.ts';
import type { TimeoutReason } from './timeout-reason.ts';

/** How an attempt ended, as its owner saw it. */
export type AttemptEnd = 'done' | 'failed' | 'aborted' | 'hedged';

/** The last silence of an attempt, and what broke it off. */
export interface LastSilence {
  readonly phase: Phase;
  readonly silentMs: number;
  /** Time of the clock. */
  readonly at: number;
  readonly how: AttemptEnd;
  /** What the watchdog aborted for, if it did. */
  readonly expired: TimeoutReason | undefined;
}

/** Keeps what one attempt teaches: the longest silence of each phase, and the pace of its deltas. */
export class AttemptRecord {
  readonly #size: number;
  readonly #longest = new Map<Phase, number>();
  #deltas = 0;
  #firstAt: number | undefined;

  /** @param size `PhaseBudgets.size` of the attempt */
  constructor(size: number) {
    this.#size = size;
  }

  /** Takes a silence that ended. */
  addSilence(phase: Phase, ms: number): void {
    this.#longest.set(phase, Math.max(this.#longest.get(phase) ?? 0, ms));
  }

  /** Takes a semantic delta by the time of the clock. */
  addDelta(at: number): void {
    this.#deltas += 1;
    this.#firstAt ??= at;
  }

  /** Says what was seen, once the attempt has ended. */
  observations(last: LastSilence): Observation[] {
    const seen: Observation[] = [];
    const { phase: lastPhase, silentMs } = last;
    const complete = last.how === 'done' && last.expired === undefined;
    if (complete) this.addSilence(lastPhase, silentMs);
    for (const [phase, ms] of this.#longest) {
      if (phase !== lastPhase || complete) seen.push({ phase, ms, size: this.#size });
    }
    const censored = censoring(last);
    if (censored !== undefined) {
      const ms = Math.max(this.#longest.get(lastPhase) ?? 0, silentMs);
      seen.push({ phase: lastPhase, ms, censored, size: this.#size });
    }
    if (complete && this.#firstAt !== undefined && this.#deltas > 1) {
      seen.push({ phase: 'total', ms: (last.at - this.#firstAt) / (this.#deltas - 1) });
    }
    return seen;
  }
}

function censoring({ how, expired }: LastSilence): Observation['censored'] | undefined {
  if (expired !== undefined) {
    if (expired.phase === 'total') return undefined;
    return expired.source === 'deadline' ? 'deadline' : 'timeout';
  }
  if (how === 'aborted') return 'abort';
  return how === 'hedged' ? 'hedge' : undefined;
}
