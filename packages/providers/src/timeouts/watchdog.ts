import { EventEmitter } from 'eventemitter3';

import { type AttemptEnd, AttemptRecord } from './attempt-record.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Observation, Phase, PhaseBudgets } from './phase.ts';
import { TimeoutReason } from './timeout-reason.ts';

/** A silence that became noticeable, or ended. */
export interface StallInfo {
  readonly phase: Phase;
  readonly silentMs: number;
  /** Silence at which the call is ended. */
  readonly budgetMs: number;
}

/** Options of a {@link Watchdog}. */
export interface WatchdogOptions {
  /** @defaultValue {@link systemClock} */
  readonly clock?: Clock;
  /** Phase to begin in. @defaultValue 'first' */
  readonly phase?: Phase;
  /** Told once what was seen, when the attempt ends. */
  readonly onEnd?: (seen: readonly Observation[]) => void;
}

/** Longest a timer runs before time is looked at again, so that a suspended machine costs at most this much silence. */
const TICK_MS = 5000;
/** Ticks per silence that may be thrown away because they came more than twice as late as asked. */
const LATE_TICKS_FORGIVEN = 3;

/**
 * Watches one attempt for silence and aborts `signal` with a {@link TimeoutReason} when a budget is used up.
 *
 * Only {@link progress} ends a silence. Time in which the process could not listen (a blocked event loop, a suspended
 * machine, {@link pause}) does not count as silence, but the deadline does not move. Before it aborts it lets pending socket
 * input in once and emits `stalled`. It holds one timer; {@link end} clears it.
 */
export class Watchdog {
  readonly #budgets: PhaseBudgets;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  readonly #emitter = new EventEmitter<{ stalled: [StallInfo]; resumed: [StallInfo] }>();
  readonly #onEnd: ((seen: readonly Observation[]) => void) | undefined;
  readonly #record: AttemptRecord;
  #phase: Phase;
  #silentMs = 0;
  #ranMs = 0;
  #lastAt: number;
  #tickMs = 0;
  #lateTicks = 0;
  #stalled = false;
  #paused = false;
  #ended = false;
  #livenessAt: number | undefined;
  #cancel: (() => void) | undefined;
  #expired: TimeoutReason | undefined;

  constructor(budgets: PhaseBudgets, options: WatchdogOptions = {}) {
    this.#budgets = budgets;
    this.#clock = options.clock ?? systemClock;
    this.#phase = options.phase ?? 'first';
    this.#onEnd = options.onEnd;
    this.#record = new AttemptRecord(budgets.size);
    this.#lastAt = this.#clock.now();
    this.#arm();
  }

  /** Aborted when a budget or the deadline is used up; its reason is a {@link TimeoutReason}. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The phase waited in. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Silence so far, in milliseconds. */
  get silentMs(): number {
    return this.#silentMs + (this.#paused || this.#ended ? 0 : this.#listened());
  }

  /** The budgets watched. */
  get budgets(): PhaseBudgets {
    return this.#budgets;
  }

  /** Milliseconds since anything at all arrived, semantic or not; `undefined` when nothing has. */
  get quietMs(): number | undefined {
    return this.#livenessAt === undefined ? undefined : this.#clock.now() - this.#livenessAt;
  }

  /** Reports a semantic delta, after which `phase` is what is waited in. `first` begins the wait of a sent request. */
  progress(phase: Phase): void {
    if (this.#ended || this.#expired !== undefined) return;
    this.#count();
    this.#record.addSilence(this.#phase, this.#silentMs);
    this.#livenessAt = this.#clock.now();
    if (phase !== 'first' && phase !== 'connect') this.#record.addDelta(this.#livenessAt);
    const was: StallInfo = { phase: this.#phase, silentMs: this.#silentMs, budgetMs: this.#budgets[this.#phase] };
    const resumed = this.#stalled;
    this.#phase = phase;
    this.#silentMs = 0;
    this.#lateTicks = 0;
    this.#stalled = false;
    if (resumed) this.#emit('resumed', was);
    if (!this.#ended && this.#cancel === undefined) this.#arm();
  }

  /** Reports bytes that are no progress: headers, comments, empty deltas. They end no silence. */
  liveness(): void {
    this.#livenessAt = this.#clock.now();
  }

  /** Stops counting silence, because nobody reads the socket. The deadline runs on. */
  pause(): void {
    if (this.#paused || this.#ended) return;
    this.#count();
    this.#paused = true;
    this.#rearm();
  }

  /** Counts silence again, from where it stood. */
  resume(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    this.#lastAt = this.#clock.now();
    this.#rearm();
  }

  /** Listens to `stalled` (a silence longer than nearly all) or `resumed`; a listener that throws is ignored; the function returned stops it. */
  on(event: 'stalled' | 'resumed', listener: (info: StallInfo) => void): () => void {
    this.#emitter.on(event, listener);
    return () => this.#emitter.off(event, listener);
  }

  /** Ends the watch, clears its timer and says what was seen. Later calls return nothing. */
  end(how: AttemptEnd): readonly Observation[] {
    if (this.#ended) return [];
    if (this.#expired === undefined) this.#count();
    this.#ended = true;
    this.#cancel?.();
    this.#cancel = undefined;
    const seen = this.#record.observations({
      phase: this.#phase,
      silentMs: this.#silentMs,
      at: this.#clock.now(),
      how,
      expired: this.#expired,
    });
    this.#onEnd?.(seen);
    return seen;
  }

  /** Ends the watch without a verdict. */
  dispose(): void {
    this.end('failed');
  }

  /** Milliseconds since the last look in which the process could have listened. */
  #listened(): number {
    const passed = Math.max(0, this.#clock.now() - this.#lastAt);
    return Math.min(passed, Math.max(this.#tickMs, 1));
  }

  #count(): void {
    if (!this.#paused) {
      const ms = this.#listened();
      this.#silentMs += ms;
      this.#ranMs += ms;
    }
    this.#tickMs = Math.max(0, this.#tickMs - (this.#clock.now() - this.#lastAt));
    this.#lastAt = this.#clock.now();
  }

  #rearm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#arm();
  }

  #arm(): void {
    const ms = Math.min(this.#untilNext(), TICK_MS);
    this.#tickMs = ms;
    this.#lastAt = this.#clock.now();
    const dueAt = this.#lastAt + ms;
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = undefined;
      this.#tick(ms, this.#clock.now() - dueAt);
    });
  }

  /** Milliseconds until the next thing to do, should nothing arrive. */
  #untilNext(): number {
    const deadline = this.#untilDeadline();
    if (this.#paused) return Math.max(deadline, 1);
    const silence = this.#stalled ? this.#budgets[this.#phase] : this.#budgets.stalled[this.#phase];
    return Math.max(1, Math.min(silence - this.#silentMs, this.#budgets.total - this.#ranMs, deadline));
  }

  #untilDeadline(): number {
    const { deadlineAt } = this.#budgets;
    return deadlineAt === undefined ? Number.POSITIVE_INFINITY : deadlineAt - this.#clock.epoch();
  }

  #tick(askedMs: number, lateMs: number): void {
    // More than twice as late: the machine slept or the loop was blocked, so nothing could have been heard.
    if (lateMs > askedMs && this.#lateTicks < LATE_TICKS_FORGIVEN) {
      this.#lateTicks += 1;
      this.#lastAt = this.#clock.now();
    } else this.#count();
    if (this.#verdict() === undefined) {
      this.#warn();
      if (!this.#ended) this.#arm();
      return;
    }
    // Node runs timers before input: what arrived during a blocked turn must be heard first.
    this.#clock.afterInput(() => this.#clock.afterInput(() => this.#settle()));
  }

  #settle(): void {
    if (this.#ended || this.#cancel !== undefined) return;
    const reason = this.#verdict();
    if (reason === undefined) {
      this.#arm();
      return;
    }
    if (!this.#stalled && reason.source !== 'deadline') this.#stall();
    if (this.#ended) return;
    this.#expired = reason;
    this.#record.addSilence(this.#phase, this.#silentMs);
    this.#controller.abort(reason);
  }

  /** The budget that is used up, if one is. */
  #verdict(): TimeoutReason | undefined {
    const phase = this.#phase;
    const elapsedMs = this.#silentMs;
    const { source, total } = this.#budgets;
    if (this.#untilDeadline() <= 0) {
      return new TimeoutReason({ phase, elapsedMs, budgetMs: this.#budgets[phase], source: 'deadline' });
    }
    if (this.#paused) return undefined;
    if (elapsedMs >= this.#budgets[phase]) {
      return new TimeoutReason({ phase, elapsedMs, budgetMs: this.#budgets[phase], source: source[phase] });
    }
    if (this.#ranMs < total) return undefined;
    return new TimeoutReason({ phase: 'total', elapsedMs: this.#ranMs, budgetMs: total, source: source.total });
  }

  #warn(): void {
    if (this.#stalled || this.#paused || this.#silentMs < this.#budgets.stalled[this.#phase]) return;
    this.#stall();
  }

  #stall(): void {
    this.#stalled = true;
    this.#emit('stalled', {
      phase: this.#phase,
      silentMs: this.#silentMs,
      budgetMs: this.#budgets[this.#phase],
    });
  }

  #emit(event: 'stalled' | 'resumed', info: StallInfo): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        listener(info);
      } catch {
        // A listener's mistake must not end a healthy call.
      }
    }
  }
}
