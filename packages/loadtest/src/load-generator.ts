import { arrivalTimes } from './arrival-times.ts';
import type { CallSource } from './call-source.ts';
import { draw, type Distribution } from './distribution.ts';
import type { CallEnd } from './driver.ts';
import { LaunchGate } from './launch-gate.ts';
import type { LoadRun } from './load-run.ts';
import type { Random } from './random.ts';
import type { Load, Stage } from './scenario.ts';
import type { SessionLink } from './session-link.ts';

/** Pause of a closed slot after a refusal that names no retry hint; without one a refusing server is flooded. */
const PAUSE_AFTER_REFUSAL_MS = 20;
const PAUSE_AFTER_FAILURE_MS = 50;

/** What every generator is given. */
export interface GeneratorOptions {
  run: LoadRun;
  source: CallSource;
  random: Random;
  /** Warm-up and measured time together, in milliseconds. */
  totalMs: number;
}

/** Starts the load; calls begin until the run stops accepting them. */
export function startLoad(load: Load, options: GeneratorOptions): void {
  switch (load.kind) {
    case 'closed':
      startClosed(load, options);
      return;
    case 'open':
      startOpen(load, options);
      return;
    case 'sessions':
      startSessions(load, options);
      return;
    case 'trace':
      startTrace(load, options);
  }
}

function startClosed(load: Extract<Load, { kind: 'closed' }>, { run, random }: GeneratorOptions): void {
  const { think, rampMs = 0, inflightPerSession = 1 } = load;
  for (const link of run.links) {
    const startMs = (rampMs * link.index) / Math.max(1, run.links.length);
    for (let slot = 0; slot < inflightPerSession; slot += 1) {
      const place = new Slot(run, link, { think, random });
      if (startMs === 0) place.call(run.now());
      else run.at(startMs, () => place.call(startMs));
    }
  }
}

interface Pausing {
  think: Distribution | undefined;
  random: Random;
}

/** One place of a closed load: a call, a pause, the next call. */
class Slot {
  readonly #run: LoadRun;
  readonly #link: SessionLink;
  readonly #pausing: Pausing;

  constructor(run: LoadRun, link: SessionLink, pausing: Pausing) {
    this.#run = run;
    this.#link = link;
    this.#pausing = pausing;
  }

  call(due: number): void {
    if (this.#run.accepting && !this.#link.isDead) this.#run.launch(this.#link, due, this.#onEnd);
  }

  /** One function for all calls of the place. */
  readonly #onEnd = (end: CallEnd, at: number): void => {
    const next = at + pauseAfter(end, this.#pausing);
    if (next === at) this.call(at);
    else this.#run.at(next, () => this.call(next));
  };
}

function pauseAfter({ outcome, retryAfterMs }: CallEnd, { think, random }: Pausing): number {
  const thinkMs = think ? draw(think, random) : 0;
  if (outcome === 'rejected') return Math.max(thinkMs, retryAfterMs ?? PAUSE_AFTER_REFUSAL_MS, 1);
  if (outcome === 'closed' || outcome === 'connect_failed') return Math.max(thinkMs, PAUSE_AFTER_FAILURE_MS);
  return thinkMs;
}

function startOpen(load: Extract<Load, { kind: 'open' }>, options: GeneratorOptions): void {
  const { run, random, totalMs } = options;
  const { maxInflight = Number.POSITIVE_INFINITY, onFull = 'queue', catchUp = 'burst' } = load;
  const stages: Stage[] = load.stages ?? [{ durationMs: totalMs, rate: load.rate ?? 0 }];
  let turn = 0;
  const gate = new LaunchGate({
    maxInflight,
    onFull,
    catchUp,
    now: () => run.now(),
    at: (time, work) => void run.at(time, work),
    drop: (due) => run.drop(turn % Math.max(1, run.links.length), due),
    send(due, ended) {
      const link = run.links[nextAlive(run, turn)];
      turn += 1;
      if (link && run.accepting) run.launch(link, due, ended);
      else run.drop(0, due);
    },
  });
  onSchedule(run, arrivalTimes(stages, load.arrivals ?? { kind: 'poisson' }, random), (due) => gate.offer(due));
  run.whenStopped(() => gate.close());
}

/** The place of the next session in turn that is not dead. */
function nextAlive({ links }: LoadRun, turn: number): number {
  for (let step = 0; step < links.length; step += 1) {
    const place = (turn + step) % links.length;
    if (links[place]?.isDead === false) return place;
  }
  return 0;
}

/** Calls `work` at each time of the schedule; a late turn catches up at once, at the end of the load at the latest, and never moves what follows. */
function onSchedule(run: LoadRun, times: Iterator<number>, work: (due: number) => void): void {
  let next = times.next();
  const turn = (): void => {
    while (!next.done && next.value <= run.now()) {
      if (!run.accepting) return;
      work(next.value);
      next = times.next();
    }
    if (!next.done) run.at(next.value, turn);
  };
  run.whenTimeIsUp(turn);
  turn();
}

function startSessions(load: Extract<Load, { kind: 'sessions' }>, options: GeneratorOptions): void {
  const { run, random, totalMs } = options;
  const { arrivals = { kind: 'poisson' }, calls, think, rate } = load;
  onSchedule(run, arrivalTimes([{ durationMs: totalMs, rate }], arrivals, random), (due) => {
    run.addSession().then(
      (link) => callSome({ run, link, think, random }, due, calls),
      () => run.fail(due),
    );
  });
}

interface Visit extends Pausing {
  run: LoadRun;
  link: SessionLink;
}

function callSome(slot: Visit, due: number, left: number): void {
  const { run, link } = slot;
  if (left === 0 || !run.accepting) {
    link.end().catch(() => undefined);
    return;
  }
  run.launch(link, due, (end, at) => {
    const next = at + pauseAfter(end, slot);
    if (next === at) callSome(slot, at, left - 1);
    else run.at(next, () => callSome(slot, next, left - 1));
  });
}

function startTrace(load: Extract<Load, { kind: 'trace' }>, { run, source }: GeneratorOptions): void {
  const calls = [...load.calls].sort((a, b) => a.atMs - b.atMs);
  let index = 0;
  const times = calls.map((call) => call.atMs)[Symbol.iterator]();
  onSchedule(run, times, (due) => {
    const traced = calls[index];
    const link = run.links[index % Math.max(1, run.links.length)];
    index += 1;
    if (traced && link) run.launch(link, due, () => undefined, source.of(traced.entry, traced.serviceMs));
  });
}
