import { fold } from './apply-record.ts';
import { CallerDriven } from './caller-driven.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { Engine } from './engine-contract.ts';
import { EngineDriven } from './engine-driven.ts';
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
import { LiveRun } from './live-run.ts';
import { loadRun } from './load-run.ts';
import type { RunAsk } from './open-run.ts';
import { readOptions } from './read-options.ts';
import { replayDecisions, type Replay } from './replay.ts';
import type { RunEvent } from './run-events.ts';
import { toSummary, type RunInfo, type RunSummary } from './run-info.ts';
import { readRecords } from './run-journal.ts';
import { RunListeners } from './run-listeners.ts';
import { outcomeOf } from './run-outcome.ts';
import type { Run } from './run.ts';
import type { StepInstruction } from './step-instruction.ts';
import type { RunResult } from './stop-reason.ts';
import type { Lease } from './store.ts';
import type { TerminationPolicy } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';

const RUN_ID = /^[\w.:-]{1,128}$/;

/** The engine behind `createEngine`. */
export class WorkflowEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #live = new Map<string, LiveRun>();
  readonly #listeners = new RunListeners();
  readonly #engineDriven: EngineDriven;
  readonly #callerDriven: CallerDriven;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#parts = new EngineParts(options);
    this.#engineDriven = new EngineDriven(this.#parts, this.#listeners.emit);
    this.#callerDriven = new CallerDriven(this.#parts, this.#listeners.emit);
  }

  start(workflow: Workflow, input: unknown, options: StartOptions = {}): Run {
    const ask = this.#check(workflow, input, options);
    const joined = this.#live.get(ask.runId);
    if (joined !== undefined) return joined;
    return this.#launch(ask.runId, options, (run) => this.#engineDriven.start(run, ask));
  }

  async prepare(workflow: Workflow, input: unknown, options: PrepareOptions = {}): Promise<string> {
    const ask = this.#check(workflow, input, options);
    if (!this.#live.has(ask.runId)) await this.#engineDriven.prepare(ask);
    return ask.runId;
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
      return await this.#engineDriven.resume(run, options);
    });
  }

  fork(parentId: string, options: ForkOptions): Run {
    this.#assertOpen();
    const runId = this.#toRunId(options.runId);
    return this.#launch(runId, options, (run) => this.#engineDriven.fork(run, parentId, options));
  }

  async replay(runId: string, options: { readonly policy?: Partial<TerminationPolicy> } = {}): Promise<Replay> {
    const loaded = await loadRun(this.#parts.store, runId, this.#parts.find);
    const plan = await this.#engineDriven.planOf(loaded);
    const policy = options.policy === undefined ? {} : { policy: { ...loaded.start.policy, ...options.policy } };
    return replayDecisions(runId, loaded.records, { ...plan, ...policy });
  }

  async cancel(runId: string, by = 'user'): Promise<void> {
    const live = this.#live.get(runId);
    if (live !== undefined) return await live.cancel(by);
    const loaded = await loadRun(this.#parts.store, runId, this.#parts.find);
    if (fold(loaded.records).finished !== undefined) return;
    const run = this.#launch(runId, {}, (handle) => this.#engineDriven.goOn(handle, { wait: false }));
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
    return await this.#callerDriven.submit(workflow, claim, options);
  }

  async recordOutcome(runId: string, ok: boolean): Promise<void> {
    const records = await readRecords(this.#parts.store, runId);
    const outcome = outcomeOf(fold(records), ok, 1);
    if (outcome !== undefined) await this.#parts.calibration.record(runId, 'user', outcome);
  }

  on<T extends RunEvent['type']>(type: T, listener: (event: Extract<RunEvent, { type: T }>) => void): () => void {
    return this.#listeners.on(type, listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#live.values()].map((run) => run.cancel('close')));
    this.#callerDriven.close();
    this.#parts.leases.stop();
    await this.#parts.store.close();
  }

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
    const runId = this.#toRunId(options.runId);
    this.#parts.learn(workflow);
    return { runId, workflow, bound, options, model };
  }

  #toRunId(wanted: string | undefined): string {
    const runId = wanted ?? this.#parts.ids();
    if (RUN_ID.test(runId)) return runId;
    throw new WorkflowError('INVALID_ARGUMENTS', `bad run id: ${runId}`);
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
