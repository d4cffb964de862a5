import { setTimeout as sleep } from 'node:timers/promises';

import { EventEmitter } from 'eventemitter3';

import { fold } from './apply-record.ts';
import { CallerDriven } from './caller-driven.ts';
import type { Outcome } from './calibration.ts';
import { toPlan, RunDriver } from './run-driver.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { Engine } from './engine-contract.ts';
import type {
  EngineOptions,
  ForkOptions,
  PrepareOptions,
  PrunePolicy,
  ResumeOptions,
  RunFilter,
  StartOptions,
} from './engine-options.ts';
import { EngineParts } from './engine-parts.ts';
import { toBody, type JournalRecord, type RecordBody } from './journal.ts';
import { LiveRun } from './live-run.ts';
import { loadRun, type LoadedRun } from './load-run.ts';
import { createJournal, findRun, openRun, type RunAsk } from './open-run.ts';
import { readOptions } from './read-options.ts';
import { replayDecisions, type Replay } from './replay.ts';
import { EventHub, type RunEvent } from './run-events.ts';
import { toSummary, type RunInfo, type RunSummary } from './run-info.ts';
import { assertUnfinished, resumeRecords } from './resume-records.ts';
import { readRecords, RunJournal } from './run-journal.ts';
import type { RunState } from './run-state.ts';
import type { Run } from './run.ts';
import type { StepInstruction } from './step-instruction.ts';
import type { RunResult } from './stop-reason.ts';
import type { Lease } from './store.ts';
import type { TerminationPolicy } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';

/** A run that is driven elsewhere is looked at this many times per lease. */
const LOOKS = 20;
/** For what cannot be canceled. */
const NEVER = new AbortController().signal;
const RUN_ID = /^[\w.:-]{1,128}$/;

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

/** The engine behind `createEngine`. */
export class WorkflowEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #live = new Map<string, LiveRun>();
  readonly #emitter = new EventEmitter<Record<string, [RunEvent]>>();
  readonly #caller: CallerDriven;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#parts = new EngineParts(options);
    this.#caller = new CallerDriven(this.#parts, this.#emit);
  }

  start(workflow: Workflow, input: unknown, options: StartOptions = {}): Run {
    const ask = this.#check(workflow, input, options);
    const joined = this.#live.get(ask.runId);
    if (joined !== undefined) return joined;
    return this.#launch(ask.runId, options, (run) => this.#begin(run, ask));
  }

  async prepare(workflow: Workflow, input: unknown, options: PrepareOptions = {}): Promise<string> {
    const ask = this.#check(workflow, input, options);
    const { runId } = ask;
    const { store, clock } = this.#parts;
    if (this.#live.has(runId) || (await findRun(this.#parts, ask)) !== undefined) return runId;
    const opened = await openRun(this.#parts, ask, NEVER);
    try {
      const lease = await this.#acquire(runId);
      const journal = new RunJournal({ runId, store, lease, hub: new EventHub(), clock, onEvent: this.#emit }, []);
      await journal.append(opened.started);
      await store.release(lease);
      return runId;
    } finally {
      opened.leave?.();
    }
  }

  resume(runId: string, options: ResumeOptions = {}): Run {
    this.#assertOpen();
    const { fence } = options;
    assertFence(runId, fence);
    const joined = this.#live.get(runId);
    if (joined !== undefined && fence === undefined) return joined;
    // The caller could only get a lease because the one of the run here had ended.
    joined?.lose();
    return this.#launch(runId, options, async (run) => {
      await joined?.result.catch(() => undefined);
      const read = (loaded: LoadedRun): RecordBody[] => {
        assertUnfinished(loaded);
        return resumeRecords(loaded, options);
      };
      return await this.#goOn(run, read, options);
    });
  }

  fork(parentId: string, options: ForkOptions): Run {
    this.#assertOpen();
    const runId = options.runId ?? this.#parts.ids();
    if (!RUN_ID.test(runId)) throw new WorkflowError('INVALID_ARGUMENTS', `bad run id: ${runId}`);
    return this.#launch(runId, options, async (run) => {
      const loaded = await loadRun(this.#parts.store, parentId, this.#parts.find, options.atSeq);
      const { id: _id, conversationId: _conversation, ...header } = loaded.header;
      const conversationId = this.#parts.ids();
      const parent = { runId: parentId, seq: loaded.records.length };
      await createJournal(this.#parts.store, {
        ...header,
        id: runId,
        conversationId,
        parent,
        createdAt: this.#parts.clock(),
      });
      const resumed = resumeRecords(loaded, options.patch === undefined ? {} : { answer: options.patch });
      const first = [...loaded.records.map(toBody), ...resumed];
      const { workflow, bound } = loaded;
      const work = { workflow, bound, continuationId: conversationId, owner: header.owner, past: [], first };
      return await this.#leased(run, {}, (lease) => this.#drive(run, work, lease));
    });
  }

  async replay(runId: string, options: { readonly policy?: Partial<TerminationPolicy> } = {}): Promise<Replay> {
    const loaded = await loadRun(this.#parts.store, runId, this.#parts.find);
    const plan = toPlan(await this.#planParts(loaded.workflow, loaded.bound, loaded.start));
    const policy = options.policy === undefined ? {} : { policy: { ...loaded.start.policy, ...options.policy } };
    return replayDecisions(runId, loaded.records, { ...plan, ...policy });
  }

  async cancel(runId: string, by = 'user'): Promise<void> {
    const live = this.#live.get(runId);
    if (live !== undefined) return await live.cancel(by);
    const loaded = await loadRun(this.#parts.store, runId, this.#parts.find);
    if (fold(loaded.records).finished !== undefined) return;
    const run = this.#launch(runId, {}, (handle) => this.#goOn(handle, () => [], { wait: false }));
    await run.cancel(by);
    await run.result;
  }

  async handOver(runId: string): Promise<void> {
    const live = this.#live.get(runId);
    live?.lose();
    await live?.result.catch(() => undefined);
  }

  async get(runId: string): Promise<RunInfo | undefined> {
    const header = await this.#parts.store.header(runId);
    if (header?.kind !== 'run') return undefined;
    const records = await readRecords(this.#parts.store, runId);
    const state = fold(records);
    const last = records.at(-1);
    const summary = {
      header,
      lastSeq: records.length,
      lastAt: last?.at ?? header.createdAt,
      lastType: last?.type ?? '',
    };
    const run = this.#live.get(runId);
    return {
      ...toSummary(summary, run !== undefined),
      steps: state.steps,
      ...(state.finished === undefined ? {} : { result: state.finished }),
      ...(run === undefined ? {} : { run }),
    };
  }

  async list(filter: RunFilter = {}): Promise<readonly RunSummary[]> {
    const found = await this.#parts.store.list({ ...filter, kind: 'run' });
    return found.map((summary) => toSummary(summary, this.#live.has(summary.header.id)));
  }

  async prune({ olderThanMs, unfinished = false }: PrunePolicy): Promise<number> {
    const before = this.#parts.clock() - olderThanMs;
    const runs = await this.#parts.store.prune({ before, kind: 'run', unfinished });
    return runs + (await this.#parts.store.prune({ before, kind: 'conversation' }));
  }

  async *events(runId: string, options: { readonly fromSeq?: number } = {}): AsyncGenerator<RunEvent, void, undefined> {
    const live = this.#live.get(runId);
    if (live !== undefined) {
      yield* live.events(options);
      return;
    }
    const records = await readRecords(this.#parts.store, runId);
    for (const record of records.slice(Math.max(0, (options.fromSeq ?? 1) - 1))) yield { ...record, runId };
  }

  async submitStep(workflow: Workflow, claim: unknown, options: StartOptions = {}): Promise<StepInstruction> {
    this.#assertOpen();
    this.#parts.learn(workflow);
    return await this.#caller.submit(workflow, claim, options);
  }

  async recordOutcome(runId: string, ok: boolean): Promise<void> {
    const records = await readRecords(this.#parts.store, runId);
    const outcome = outcomeOf(fold(records), ok, 1);
    if (outcome !== undefined) await this.#parts.calibration.record(runId, 'user', outcome);
  }

  on<T extends RunEvent['type']>(type: T, listener: (event: Extract<RunEvent, { type: T }>) => void): () => void {
    const isWanted = (event: RunEvent): event is Extract<RunEvent, { type: T }> => event.type === type;
    const guarded = (event: RunEvent): void => {
      try {
        if (isWanted(event)) listener(event);
      } catch {
        // A listener's failure is its own; the run goes on.
      }
    };
    this.#emitter.on(type, guarded);
    return () => {
      this.#emitter.off(type, guarded);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#live.values()].map((run) => run.cancel('close')));
    this.#caller.close();
    this.#parts.leases.stop();
    await this.#parts.store.close();
  }

  readonly #emit = (event: RunEvent): void => {
    this.#emitter.emit(event.type, event);
  };

  #assertOpen(): void {
    if (this.#closed) throw new WorkflowError('ABORTED', 'the engine is closed');
  }

  #launch(
    runId: string,
    options: { readonly signal?: AbortSignal; readonly deadlineAt?: number },
    drive: (run: LiveRun) => Promise<RunResult>,
  ): LiveRun {
    const { clock } = this.#parts;
    const run = new LiveRun({ runId, clock, signal: options.signal, deadlineAt: options.deadlineAt }, async (self) => {
      try {
        return await drive(self);
      } finally {
        if (this.#live.get(runId) === self) this.#live.delete(runId);
      }
    });
    this.#live.set(runId, run);
    return run;
  }

  /** Checks what can be checked before anything is written. */
  #check(workflow: Workflow, input: unknown, options: StartOptions): RunAsk {
    this.#assertOpen();
    const bound = workflow.bind(input);
    assertPromptMode(workflow, bound);
    const model = this.#parts.agentModel(workflow, bound);
    // A bad folder fails here, with nothing started.
    this.#parts.rootsOf(options.roots);
    const runId = options.runId ?? this.#parts.ids();
    if (!RUN_ID.test(runId)) throw new WorkflowError('INVALID_ARGUMENTS', `bad run id: ${runId}`);
    this.#parts.learn(workflow);
    return { runId, workflow, bound, options, model };
  }

  /** The first start of a run, or one more with the same id. */
  async #begin(run: LiveRun, ask: RunAsk): Promise<RunResult> {
    const earlier = await findRun(this.#parts, ask);
    if (earlier !== undefined) return await this.#goOn(run, () => []);
    const { started, continuationId, owner, leave } = await openRun(this.#parts, ask, run.signal);
    const { workflow, bound } = ask;
    try {
      const work = { workflow, bound, continuationId, owner, past: [], first: [started] };
      return await this.#leased(run, {}, (lease) => this.#drive(run, work, lease));
    } finally {
      leave?.();
    }
  }

  /** Goes on with a run. It is read under its lease, so that nobody changes it in between; `first` is written first. */
  async #goOn(run: LiveRun, first: (loaded: LoadedRun) => readonly RecordBody[], turn: Turn = {}): Promise<RunResult> {
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

  async #driverParts(
    run: LiveRun,
    journal: RunJournal,
    work: Work,
  ): Promise<ConstructorParameters<typeof RunDriver>[0]> {
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

  async #planParts(
    workflow: Workflow,
    bound: BoundWorkflow,
    start: RunState['start'],
  ): Promise<Parameters<typeof toPlan>[0]> {
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

function assertPromptMode(workflow: Workflow, bound: BoundWorkflow): void {
  if (readOptions(bound.input).step === undefined) return;
  throw new WorkflowError(
    'INVALID_ARGUMENTS',
    `${workflow.name}: a step is for submitStep, a run starts with a prompt`,
  );
}

function assertFence(runId: string, fence: Lease | undefined): void {
  if (fence === undefined || fence.id === runId) return;
  throw new WorkflowError('INVALID_ARGUMENTS', `the fence of ${fence.id} is not one of run ${runId}`);
}

function outcomeOf(state: RunState, ok: boolean, weight: number): Outcome | undefined {
  const claim = state.claims.at(-1)?.claim;
  const tool = state.start?.workflow;
  if (claim === undefined || tool === undefined) return undefined;
  return { tool, model: state.lastModel ?? '', level: claim.confidence, ok, weight };
}
