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
  PrunePolicy,
  ResumeOptions,
  RunFilter,
  StartOptions,
} from './engine-options.ts';
import { EngineParts } from './engine-parts.ts';
import { canonical } from './fingerprint.ts';
import { JOURNAL_VERSION, toBody, type JournalRecord, type RecordBody, type RecordOf } from './journal.ts';
import { LiveRun } from './live-run.ts';
import { loadRun, type LoadedRun } from './load-run.ts';
import type { Model } from './model.ts';
import { readOptions } from './read-options.ts';
import { replayDecisions, type Replay } from './replay.ts';
import type { RunEvent } from './run-events.ts';
import { toSummary, type RunInfo, type RunSummary } from './run-info.ts';
import { assertUnfinished, resumeRecords } from './resume-records.ts';
import { readRecords, RunJournal } from './run-journal.ts';
import type { RunState } from './run-state.ts';
import type { Run } from './run.ts';
import type { StepInstruction } from './step-instruction.ts';
import type { RunResult } from './stop-reason.ts';
import { DEFAULT_TERMINATION, type TerminationPolicy } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';

const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
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

/** The engine behind `createEngine`. */
export class WorkflowEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #live = new Map<string, LiveRun>();
  readonly #emitter = new EventEmitter<Record<string, [RunEvent]>>();
  readonly #caller: CallerDriven;
  #renewing: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#parts = new EngineParts(options);
    this.#caller = new CallerDriven(this.#parts, this.#emit);
  }

  start(workflow: Workflow, input: unknown, options: StartOptions = {}): Run {
    this.#assertOpen();
    const bound = workflow.bind(input);
    assertPromptMode(workflow, bound);
    const model = this.#parts.agentModel(workflow, bound);
    const runId = options.runId ?? this.#parts.ids();
    if (!RUN_ID.test(runId)) throw new WorkflowError('INVALID_ARGUMENTS', `bad run id: ${runId}`);
    this.#parts.learn(workflow);
    const joined = this.#live.get(runId);
    if (joined !== undefined) return joined;
    return this.#launch(runId, options, (run) => this.#begin(run, workflow, bound, options, model));
  }

  resume(runId: string, options: ResumeOptions = {}): Run {
    this.#assertOpen();
    const joined = this.#live.get(runId);
    if (joined !== undefined) return joined;
    return this.#launch(runId, options, async (run) => {
      const loaded = await loadRun(this.#parts.store, runId, this.#parts.find);
      assertUnfinished(loaded);
      return await this.#goOn(run, loaded, resumeRecords(loaded, options));
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
      await this.#create({ ...header, id: runId, conversationId, parent, createdAt: this.#parts.clock() });
      const resumed = resumeRecords(loaded, options.patch === undefined ? {} : { answer: options.patch });
      const first = [...loaded.records.map(toBody), ...resumed];
      const { workflow, bound } = loaded;
      return await this.#drive(run, {
        workflow,
        bound,
        continuationId: conversationId,
        owner: header.owner,
        past: [],
        first,
      });
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
    const run = this.#launch(runId, {}, (handle) => this.#goOn(handle, loaded, []));
    await run.cancel(by);
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
    clearInterval(this.#renewing);
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
        this.#live.delete(runId);
      }
    });
    this.#live.set(runId, run);
    return run;
  }

  /** The first start of a run, or one more with the same id. */
  async #begin(
    run: LiveRun,
    workflow: Workflow,
    bound: BoundWorkflow,
    options: StartOptions,
    model: Model,
  ): Promise<RunResult> {
    const { store, conversations, ids, clock } = this.#parts;
    const earlier = options.runId === undefined ? undefined : await store.header(options.runId);
    if (earlier !== undefined) return await this.#rejoin(run, workflow, bound);
    const owner = options.owner ?? options.session;
    const continuation = readOptions(bound.input).continuation_id;
    if (continuation !== undefined) await conversations.check(continuation, owner);
    if (options.conversationId !== undefined) await conversations.open(options.conversationId, owner);
    const known = options.conversationId ?? continuation;
    const continuationId = known ?? ids();
    const leave = known === undefined ? undefined : await conversations.turn(known, run.signal);
    try {
      const past = known === undefined ? undefined : await conversations.history(known, this.#parts.historyTokens);
      await this.#create({
        id: run.runId,
        kind: 'run',
        version: JOURNAL_VERSION,
        createdAt: clock(),
        workflow: workflow.name,
        workflowVersion: workflow.version,
        conversationId: continuationId,
        ...(owner === undefined ? {} : { owner }),
      });
      const conversation =
        known === undefined || past === undefined ? {} : { conversation: { id: known, seq: past.seq } };
      const started = { ...this.#startRecord(workflow, bound, options, model), ...conversation };
      return await this.#drive(run, { workflow, bound, continuationId, owner, past: [], first: [started] });
    } finally {
      leave?.();
    }
  }

  async #rejoin(run: LiveRun, workflow: Workflow, bound: BoundWorkflow): Promise<RunResult> {
    const loaded = await loadRun(this.#parts.store, run.runId, this.#parts.find);
    const same = loaded.workflow.name === workflow.name && canonical(loaded.start.input) === canonical(bound.input);
    if (!same) throw new WorkflowError('CONFLICT', `run ${run.runId} is other work`);
    return await this.#goOn(run, loaded, []);
  }

  async #goOn(run: LiveRun, loaded: LoadedRun, first: readonly RecordBody[]): Promise<RunResult> {
    const { workflow, bound, records, header } = loaded;
    if (loaded.start.mode === 'caller')
      throw new WorkflowError('INVALID_ARGUMENTS', `run ${run.runId} is driven by its caller`);
    const continuationId = header.conversationId ?? this.#parts.ids();
    return await this.#drive(run, { workflow, bound, continuationId, owner: header.owner, past: records, first });
  }

  async #create(header: Parameters<EngineParts['store']['create']>[0]): Promise<void> {
    if ((await this.#parts.store.create(header)) === 'created') return;
    throw new WorkflowError('CONFLICT', `run ${header.id} exists already`);
  }

  #startRecord(
    workflow: Workflow,
    bound: BoundWorkflow,
    options: StartOptions,
    model: Model,
  ): Omit<RecordOf<'run.started'>, 'seq' | 'at'> {
    const { budget, deadlineAt, session, priority } = options;
    const price = model.info?.price;
    return {
      type: 'run.started',
      mode: 'engine',
      workflow: workflow.name,
      workflowVersion: workflow.version,
      input: bound.input,
      policy: { ...DEFAULT_TERMINATION, ...workflow.termination, ...options.termination },
      canAsk: options.canAsk ?? false,
      tools: this.#parts.toolsOf(workflow).map(({ name }) => name),
      ...(budget === undefined ? {} : { budget }),
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
      ...(session === undefined ? {} : { session }),
      ...(priority === undefined ? {} : { priority }),
      ...(price === undefined ? {} : { price: { input: price.input, output: price.output } }),
    };
  }

  async #drive(run: LiveRun, work: Work): Promise<RunResult> {
    const { store, clock, owner } = this.#parts;
    await this.#parts.calibration.load();
    const lease = await store.acquire(run.runId, owner, LEASE_MS);
    if (lease === undefined) throw new WorkflowError('LOCKED', `run ${run.runId} is driven elsewhere`);
    const journal = new RunJournal(
      { runId: run.runId, store, lease, hub: run.hub, clock, onEvent: this.#emit },
      work.past,
    );
    run.journal = journal;
    this.#renewLeases();
    try {
      if (work.first.length > 0) await journal.append(...work.first);
      run.watchDeadline(journal.state.deadlineAt, clock);
      return await new RunDriver(await this.#driverParts(run, journal, work)).run();
    } finally {
      await store.release(journal.lease);
    }
  }

  async #driverParts(
    run: LiveRun,
    journal: RunJournal,
    work: Work,
  ): Promise<ConstructorParameters<typeof RunDriver>[0]> {
    const { models, roots, clock, drainMs, calibration } = this.#parts;
    const { workflow, bound, continuationId, owner } = work;
    const start = journal.state.start;
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
    return { workflow, bound, history: past?.exchanges ?? [], tools: this.#parts.toolsOf(workflow), maxPromptTokens };
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

  #renewLeases(): void {
    if (!this.#parts.store.caps.multiProcess || this.#renewing !== undefined) return;
    this.#renewing = setInterval(() => {
      for (const { journal } of this.#live.values()) void renew(this.#parts, journal);
    }, RENEW_MS);
    this.#renewing.unref();
  }
}

async function renew({ store }: EngineParts, journal: RunJournal | undefined): Promise<void> {
  if (journal === undefined) return;
  const lease = await store.renew(journal.lease, LEASE_MS).catch(() => undefined);
  if (lease !== undefined) journal.lease = lease;
}

function assertPromptMode(workflow: Workflow, bound: BoundWorkflow): void {
  if (readOptions(bound.input).step === undefined) return;
  throw new WorkflowError(
    'INVALID_ARGUMENTS',
    `${workflow.name}: a step is for submitStep, a run starts with a prompt`,
  );
}

function outcomeOf(state: RunState, ok: boolean, weight: number): Outcome | undefined {
  const claim = state.claims.at(-1)?.claim;
  const tool = state.start?.workflow;
  if (claim === undefined || tool === undefined) return undefined;
  return { tool, model: state.lastModel ?? '', level: claim.confidence, ok, weight };
}
