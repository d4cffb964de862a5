import { setTimeout as sleep } from 'node:timers/promises';

import type { Plan } from './decide.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { ForkOptions, ResumeOptions } from './engine-options.ts';
import type { EngineParts } from './engine-parts.ts';
import type { EstimateParts } from './estimate-call.ts';
import { toBody, type JournalRecord, type RecordBody } from './journal.ts';
import type { LiveRun } from './live-run.ts';
import { loadRun, type LoadedRun } from './load-run.ts';
import { createJournal, findRun, openRun, type RunAsk } from './open-run.ts';
import { readOptions } from './read-options.ts';
import { assertUnfinished, resumeRecords } from './resume-records.ts';
import { RunDriver, toPlan, type DriverParts } from './run-driver.ts';
import { EventHub, type RunEvent } from './run-events.ts';
import { RunJournal } from './run-journal.ts';
import { outcomeOf } from './run-outcome.ts';
import type { RunState } from './run-state.ts';
import type { RunResult } from './stop-reason.ts';
import type { Lease } from './store.ts';
import { WorkflowError } from './workflow-error.ts';

/** A run that is driven elsewhere is looked at this many times per lease. */
const LOOKS = 20;
/** For what cannot be canceled. */
const NEVER = new AbortController().signal;

/** A run about to be driven. */
interface Work {
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly continuationId: string;
  readonly owner: string | undefined;
  readonly past: readonly JournalRecord[];
  /** Written first. */
  readonly first: readonly RecordBody[];
}

/** How a run gets its lease. */
type Turn = Pick<ResumeOptions, 'fence' | 'wait'>;

/** Engine-driven runs: the engine does the work, and holds the lease of a run for as long as it drives it. */
export class EngineDriven {
  readonly #parts: EngineParts;
  readonly #emit: (event: RunEvent) => void;

  constructor(parts: EngineParts, emit: (event: RunEvent) => void) {
    this.#parts = parts;
    this.#emit = emit;
  }

  /** Puts a run down without driving it; nothing happens when it is there and is the same work. */
  async prepare(ask: RunAsk): Promise<void> {
    if ((await findRun(this.#parts, ask)) !== undefined) return;
    const { runId } = ask;
    const { store, clock } = this.#parts;
    const opened = await openRun(this.#parts, ask, NEVER);
    try {
      const lease = await this.#acquire(runId);
      const journal = new RunJournal({ runId, store, lease, hub: new EventHub(), clock, onEvent: this.#emit }, []);
      await journal.append(opened.started);
      await store.release(lease);
    } finally {
      opened.leave?.();
    }
  }

  /** The first start of a run, or one more with the same id. */
  async start(run: LiveRun, ask: RunAsk): Promise<RunResult> {
    const earlier = await findRun(this.#parts, ask);
    if (earlier !== undefined) return await this.goOn(run);
    const { started, continuationId, owner, leave } = await openRun(this.#parts, ask, run.signal);
    const { workflow, bound } = ask;
    try {
      const work = { workflow, bound, continuationId, owner, past: [], first: [started] };
      return await this.#leased(run, {}, (lease) => this.#drive(run, work, lease));
    } finally {
      leave?.();
    }
  }

  async resume(run: LiveRun, options: ResumeOptions): Promise<RunResult> {
    return await this.goOn(run, options, (loaded) => {
      assertUnfinished(loaded);
      return resumeRecords(loaded, options);
    });
  }

  /** Goes on with a run. It is read under its lease, so that nobody changes it in between; `first` is written first. */
  async goOn(
    run: LiveRun,
    turn: Turn = {},
    first: (loaded: LoadedRun) => readonly RecordBody[] = () => [],
  ): Promise<RunResult> {
    return await this.#leased(run, turn, async (lease) => {
      const loaded = await loadRun(this.#parts.store, run.runId, this.#parts.find);
      const { workflow, bound, records, header } = loaded;
      const written = first(loaded);
      if (loaded.start.mode === 'caller')
        throw new WorkflowError('INVALID_ARGUMENTS', `run ${run.runId} is driven by its caller`);
      const continuationId = header.conversationId ?? this.#parts.ids();
      const work = { workflow, bound, continuationId, owner: header.owner, past: records, first: written };
      return await this.#drive(run, work, lease);
    });
  }

  /** Drives a new run that begins with the records of its parent. */
  async fork(run: LiveRun, parentId: string, options: ForkOptions): Promise<RunResult> {
    const { store, find, ids, clock } = this.#parts;
    const loaded = await loadRun(store, parentId, find, options.atSeq);
    const { id: _id, conversationId: _conversation, ...header } = loaded.header;
    const conversationId = ids();
    const parent = { runId: parentId, seq: loaded.records.length };
    await createJournal(store, { ...header, id: run.runId, conversationId, parent, createdAt: clock() });
    const resumed = resumeRecords(loaded, options.patch === undefined ? {} : { answer: options.patch });
    const first = [...loaded.records.map(toBody), ...resumed];
    const { workflow, bound } = loaded;
    const work = { workflow, bound, continuationId: conversationId, owner: header.owner, past: [], first };
    return await this.#leased(run, {}, (lease) => this.#drive(run, work, lease));
  }

  /** What the decisions of a run were made by, besides its journal. */
  async planOf({ workflow, bound, start }: LoadedRun): Promise<Plan> {
    return toPlan(await this.#planParts(workflow, bound, start));
  }

  async #drive(run: LiveRun, work: Work, lease: Lease): Promise<RunResult> {
    const { store, clock, leases } = this.#parts;
    await this.#parts.calibration.load();
    const journal = new RunJournal(
      { runId: run.runId, store, lease, hub: run.hub, clock, onEvent: this.#emit },
      work.past,
    );
    run.use(journal);
    const leave = leases.keep(journal, () => run.lose());
    try {
      if (work.first.length > 0) await journal.append(...work.first);
      run.watchDeadline(journal.state.deadlineAt, clock);
      return await new RunDriver(await this.#driverParts(run, journal, work)).run();
    } finally {
      leave();
    }
  }

  async #leased<T>(run: LiveRun, { fence, wait = true }: Turn, work: (lease: Lease) => Promise<T>): Promise<T> {
    const { store } = this.#parts;
    const lease = fence ?? (await this.#acquire(run.runId, wait ? run.signal : undefined));
    try {
      return await work(lease);
    } finally {
      await store.release(lease);
    }
  }

  /** The lease of a run. With a signal, one that another process drives is waited for until the signal fires. */
  async #acquire(runId: string, signal?: AbortSignal): Promise<Lease> {
    const { store, owner, leaseMs } = this.#parts;
    for (;;) {
      const lease = await store.acquire(runId, owner, leaseMs);
      if (lease !== undefined) return lease;
      if (signal === undefined || signal.aborted || !store.caps.multiProcess)
        throw new WorkflowError('LOCKED', `run ${runId} is driven elsewhere`);
      await sleep(leaseMs / LOOKS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #driverParts(run: LiveRun, journal: RunJournal, work: Work): Promise<DriverParts> {
    const { models, clock, drainMs, calibration } = this.#parts;
    const { workflow, bound, continuationId, owner } = work;
    const start = journal.state.start;
    const roots = this.#parts.rootsLeft(start?.roots);
    return {
      ...(await this.#planParts(workflow, bound, start)),
      journal,
      continuationId,
      models,
      roots,
      signal: run.signal,
      clock,
      drainMs,
      calibrate: (ask) => calibration.estimate(ask),
      onResult: (result) => this.#remember(result, journal.state, bound, owner),
    };
  }

  async #planParts(workflow: Workflow, bound: BoundWorkflow, start: RunState['start']): Promise<EstimateParts> {
    const { conversations, historyTokens, maxPromptTokens } = this.#parts;
    const seen = start?.conversation;
    const past = seen === undefined ? undefined : await conversations.history(seen.id, historyTokens, seen.seq);
    const tools = this.#parts.toolsOf(workflow, start?.roots);
    return { workflow, bound, history: past?.exchanges ?? [], tools, maxPromptTokens };
  }

  /** Adds the answer to the conversation and the expert's verdict, at half weight, to the calibration. */
  async #remember(result: RunResult, state: RunState, bound: BoundWorkflow, owner: string | undefined): Promise<void> {
    const { conversations, calibration } = this.#parts;
    const question = readOptions(bound.input).prompt ?? '';
    if (result.continuationId !== undefined && result.text !== '') {
      await conversations.open(result.continuationId, owner);
      const tool = state.start?.workflow ?? '';
      await conversations.add(result.continuationId, { runId: result.runId, tool, question, answer: result.text });
    }
    const verdict = state.verdicts.findLast(({ by }) => by === 'expert');
    if (typeof verdict?.ok !== 'boolean') return;
    const outcome = outcomeOf(state, verdict.ok, 0.5);
    if (outcome !== undefined) await calibration.record(result.runId, 'expert', outcome);
  }
}
