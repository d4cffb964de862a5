import { EventEmitter } from 'eventemitter3';

import { memoryStore } from './memory-store.ts';
import type { Workflow } from './define-workflow.ts';
import { JOURNAL_VERSION, type RunBudget } from './journal.ts';
import type { Model, ModelAsk } from './model.ts';
import type { Run } from './run.ts';
import { EventHub, type RunEvent } from './run-events.ts';
import { RunDriver } from './run-driver.ts';
import { RunJournal } from './run-journal.ts';
import type { WorkflowStore } from './store.ts';
import { DEFAULT_TERMINATION } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';
import type { RunResult } from './stop-reason.ts';

/** Settings of {@link createEngine}. */
export interface EngineOptions {
  /** The model of every call; or `models`. */
  readonly model?: Model;
  readonly models?: (ask: ModelAsk) => Model;
  /** @defaultValue a new `memoryStore()` */
  readonly store?: WorkflowStore;
  /** Folders the file tools may look into. @defaultValue none: the file tools are not offered */
  readonly roots?: readonly string[];
  /** Epoch ms. @defaultValue `Date.now` */
  readonly clock?: () => number;
  /** Makes run and conversation ids. @defaultValue random UUIDs */
  readonly ids?: () => string;
}

/** Settings of one run. */
export interface StartOptions {
  /** Idempotency: a second start with the same id joins the first. @defaultValue a new id */
  readonly runId?: string;
  readonly conversationId?: string;
  /** Passed to the model as the place in its queue; also the owner of what is started. */
  readonly session?: string;
  readonly signal?: AbortSignal;
  /** Epoch ms. */
  readonly deadlineAt?: number;
  readonly budget?: RunBudget;
  readonly priority?: number;
}

/** Runs workflows. */
export interface Engine {
  start(workflow: Workflow, input: unknown, options?: StartOptions): Run;
  cancel(runId: string, by?: string): Promise<void>;
  on<T extends RunEvent['type']>(type: T, listener: (event: Extract<RunEvent, { type: T }>) => void): () => void;
  close(): Promise<void>;
}

const LEASE_MS = 30_000;

/** Makes an engine. */
export function createEngine(options: EngineOptions): Engine {
  const { model } = options;
  const models = options.models ?? (model === undefined ? undefined : () => model);
  if (models === undefined) throw new TypeError('createEngine needs model or models');
  const clock = options.clock ?? Date.now;
  const ids = options.ids ?? (() => globalThis.crypto.randomUUID());
  const store = options.store ?? memoryStore(clock);
  const owner = ids();
  const emitter = new EventEmitter();
  const live = new Map<string, Run>();

  const start = (workflow: Workflow, input: unknown, opts: StartOptions = {}): Run => {
    const bound = workflow.bind(input);
    const runId = opts.runId ?? ids();
    const joined = live.get(runId);
    if (joined !== undefined) return joined;
    const controller = new AbortController();
    const hub = new EventHub();
    let journal: RunJournal | undefined;
    const drive = async (): Promise<RunResult> => {
      const conversationId = opts.conversationId ?? ids();
      const header = {
        id: runId,
        kind: 'run' as const,
        version: JOURNAL_VERSION,
        createdAt: clock(),
        workflow: workflow.name,
        workflowVersion: workflow.version,
        conversationId,
      };
      if ((await store.create(header)) === 'exists') throw new WorkflowError('CONFLICT', `run ${runId} exists`);
      const lease = await store.acquire(runId, owner, LEASE_MS);
      if (lease === undefined) throw new WorkflowError('LOCKED', `run ${runId} is driven elsewhere`);
      journal = new RunJournal(
        { runId, store, lease, hub, clock, onEvent: (event) => emitter.emit(event.type, event) },
        [],
      );
      await journal.append({
        type: 'run.started',
        mode: 'engine',
        workflow: workflow.name,
        workflowVersion: workflow.version,
        input: bound.input,
        policy: { ...DEFAULT_TERMINATION, ...workflow.termination },
        ...(opts.budget === undefined ? {} : { budget: opts.budget }),
        ...(opts.deadlineAt === undefined ? {} : { deadlineAt: opts.deadlineAt }),
        ...(opts.session === undefined ? {} : { session: opts.session }),
        ...(opts.priority === undefined ? {} : { priority: opts.priority }),
        canAsk: false,
        tools: [],
      });
      return await new RunDriver({
        journal,
        workflow,
        bound,
        history: [],
        continuationId: conversationId,
        models,
        signal: controller.signal,
      }).run();
    };
    const abort = (): void => controller.abort(opts.signal?.reason);
    opts.signal?.addEventListener('abort', abort);
    if (opts.signal?.aborted === true) abort();
    const result = drive().finally(() => {
      opts.signal?.removeEventListener('abort', abort);
      live.delete(runId);
      hub.end();
    });
    result.catch(() => undefined);
    const past = (fromSeq: number): RunEvent[] =>
      (journal?.records ?? []).slice(fromSeq - 1).map((record) => ({ ...record, runId }));
    const run: Run = {
      runId,
      result,
      events: (o) => hub.read(() => past(o?.fromSeq ?? 1)),
      [Symbol.asyncIterator]: () => hub.read(() => past(1)),
      cancel: async (by = 'user') => {
        controller.abort(by);
        await result.catch(() => undefined);
      },
    };
    live.set(runId, run);
    return run;
  };

  return {
    start,
    cancel: async (runId, by) => {
      await live.get(runId)?.cancel(by);
    },
    on: (type, listener) => {
      emitter.on(type, listener);
      return () => {
        emitter.off(type, listener);
      };
    },
    close: async () => {
      await Promise.all([...live.values()].map((run) => run.cancel('close')));
      await store.close();
    },
  };
}
