import type { TieredSemaphore } from '@exai/semaphore';
import type { Engine, RunEvent } from '@exai/workflow';

import type { ServerEventHub } from '../events.ts';
import type { NoteSnapshot, RunSnapshot, Snapshot } from '../protocol/index.ts';

import type { Viewer } from './server-views.ts';

const MAX_NOTES = 50;
const MAX_RUNS = 100;

/** Remembers the few lines the page shows: totals, the last notes and the last runs. */
export class Notebook {
  readonly #stops: (() => void)[] = [];
  readonly #notes: NoteSnapshot[] = [];
  readonly #runs = new Map<string, RunSnapshot>();
  readonly #semaphore: TieredSemaphore;
  #finished = 0;
  #failed = 0;
  #shed = 0;
  #cancelled = 0;

  constructor(events: ServerEventHub, semaphore: TieredSemaphore) {
    this.#semaphore = semaphore;
    this.#watchCalls(events);
    this.#watchPermits(semaphore);
  }

  /** Follows the runs of an engine, also those that an earlier process began. */
  watchRuns(engine: Pick<Engine, 'on' | 'events'>): void {
    this.#stops.push(
      engine.on('run.started', (event) => this.#begin(event)),
      engine.on('step.started', ({ runId }) => {
        if (!this.#runs.has(runId)) void this.#recall(engine, runId);
      }),
      engine.on('step.finished', ({ runId, step }) => this.#change(runId, { steps: step })),
      engine.on('claim', ({ runId, claim }) => this.#change(runId, { confidence: claim.confidence })),
      engine.on('run.finished', ({ runId, at, stop, result }) =>
        this.#change(runId, { endedAt: at, stop: { ...stop }, steps: result.steps }),
      ),
    );
  }

  /** Adds a line. */
  note(kind: NoteSnapshot['kind'], text: string): void {
    this.#notes.push({ at: Date.now(), kind, text: text.slice(0, 300) });
    if (this.#notes.length > MAX_NOTES) this.#notes.shift();
  }

  notes(): NoteSnapshot[] {
    return [...this.#notes];
  }

  /** Newest last. */
  runs(viewer: Viewer): RunSnapshot[] {
    return [...this.#runs.values()].filter(({ session }) => viewer.admin || session === viewer.id);
  }

  totals(): Snapshot['totals'] {
    const { global } = this.#semaphore.stats();
    return {
      finished: this.#finished,
      failed: this.#failed,
      shed: this.#shed,
      cancelled: this.#cancelled,
      leaksDetected: global.leaksDetected,
      recovered: global.recovered,
      lateReleases: global.lateReleases,
    };
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #watchCalls(events: ServerEventHub): void {
    events.on('finished', ({ outcome }) => {
      this.#finished += 1;
      if (outcome === 'error' || outcome === 'timeout') this.#failed += 1;
      if (outcome === 'cancelled') this.#cancelled += 1;
    });
    events.on('shed', ({ code, tool, tier }) => {
      this.#shed += 1;
      this.note('shed', `${tool ?? 'a connection'} was refused: ${code}${tier === undefined ? '' : ` (${tier})`}`);
    });
    events.on('draining', ({ graceMs }) => this.note('drain', `the server ends within ${graceMs} ms`));
  }

  #watchPermits(semaphore: TieredSemaphore): void {
    for (const kind of ['leaked', 'reclaimed', 'overdue'] as const) {
      this.#stops.push(
        semaphore.on(kind, ({ provider, session, ageMs }) =>
          this.note(
            kind,
            `permit of ${provider ?? 'none'}, session ${session ?? 'none'}, held for ${Math.round(ageMs)} ms`,
          ),
        ),
      );
    }
    this.#stops.push(
      semaphore.on('recovered', ({ status, recovered, remaining }) =>
        this.note('recovered', `${status}: ${recovered} permits came back, ${remaining} remain`),
      ),
    );
  }

  #begin({ runId, at, workflow, session }: Extract<RunEvent, { type: 'run.started' }>): void {
    this.#runs.set(runId, { runId, tool: workflow, session: session ?? '', steps: 0, startedAt: at });
    for (const [oldest] of this.#runs) {
      if (this.#runs.size <= MAX_RUNS) break;
      this.#runs.delete(oldest);
    }
  }

  /** Its first record is in the journal. A journal that cannot be read costs a line on the page and nothing else. */
  async #recall(engine: Pick<Engine, 'events'>, runId: string): Promise<void> {
    try {
      for await (const event of engine.events(runId)) {
        if (event.type === 'run.started' && !this.#runs.has(runId)) this.#begin(event);
        break;
      }
    } catch {
      // Nothing to show.
    }
  }

  #change(runId: string, change: Partial<RunSnapshot>): void {
    const run = this.#runs.get(runId);
    if (run !== undefined) this.#runs.set(runId, { ...run, ...change });
  }
}
