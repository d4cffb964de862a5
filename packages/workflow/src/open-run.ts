import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { StartOptions } from './engine-options.ts';
import type { EngineParts } from './engine-parts.ts';
import { canonical } from './fingerprint.ts';
import { JOURNAL_VERSION, type JournalHeader, type RecordOf } from './journal.ts';
import { loadRun, type LoadedRun } from './load-run.ts';
import type { Model } from './model.ts';
import { readOptions } from './read-options.ts';
import type { WorkflowStore } from './store.ts';
import { DEFAULT_TERMINATION } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';

type StartBody = Omit<RecordOf<'run.started'>, 'seq' | 'at'>;

/** A run asked for, checked. */
export interface RunAsk {
  readonly runId: string;
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly options: StartOptions;
  readonly model: Model;
}

/** A run whose journal has been made and holds nothing yet. */
export interface OpenedRun {
  readonly started: StartBody;
  readonly continuationId: string;
  readonly owner: string | undefined;
  /** Leaves the turn in the conversation. */
  readonly leave: (() => void) | undefined;
}

/** The run of that id when it is there and the same work; rejects with `CONFLICT` for other work. */
export async function findRun(parts: EngineParts, ask: RunAsk): Promise<LoadedRun | undefined> {
  const { runId, workflow, bound, options } = ask;
  const { store, find } = parts;
  if (options.runId === undefined || !(await hasStarted(store, runId))) return undefined;
  const loaded = await loadRun(store, runId, find);
  const same = loaded.workflow.name === workflow.name && canonical(loaded.start.input) === canonical(bound.input);
  if (!same) throw new WorkflowError('CONFLICT', `run ${runId} is other work`);
  return loaded;
}

/** Makes the journal of a new run, in its conversation's turn. */
export async function openRun(parts: EngineParts, ask: RunAsk, signal: AbortSignal): Promise<OpenedRun> {
  const { conversations, ids, historyTokens } = parts;
  const { options, bound } = ask;
  const owner = options.owner ?? options.session;
  const continuation = readOptions(bound.input).continuation_id;
  if (continuation !== undefined) await conversations.check(continuation, owner);
  if (options.conversationId !== undefined) await conversations.open(options.conversationId, owner);
  const known = options.conversationId ?? continuation;
  const continuationId = known ?? ids();
  const leave = known === undefined ? undefined : await conversations.turn(known, signal);
  try {
    const past = known === undefined ? undefined : await conversations.history(known, historyTokens);
    await createJournal(parts.store, toHeader(parts, ask, continuationId, owner));
    const conversation =
      known === undefined || past === undefined ? {} : { conversation: { id: known, seq: past.seq } };
    return { started: { ...startRecord(parts, ask), ...conversation }, continuationId, owner, leave };
  } catch (error) {
    leave?.();
    throw error;
  }
}

/** Makes a run's journal; `CONFLICT` when the id is taken by a run that has begun. */
export async function createJournal(store: WorkflowStore, header: JournalHeader): Promise<void> {
  if ((await store.create(header)) === 'created') return;
  // A process that died between the header and the first record left nothing but the id.
  const found = await store.header(header.id);
  if (found?.kind === 'run' && found.workflow === header.workflow && !(await hasStarted(store, header.id))) return;
  throw new WorkflowError('CONFLICT', `run ${header.id} exists already`);
}

function toHeader(
  { clock }: EngineParts,
  { runId, workflow }: RunAsk,
  conversationId: string,
  owner: string | undefined,
): JournalHeader {
  return {
    id: runId,
    kind: 'run',
    version: JOURNAL_VERSION,
    createdAt: clock(),
    workflow: workflow.name,
    workflowVersion: workflow.version,
    conversationId,
    ...(owner === undefined ? {} : { owner }),
  };
}

function startRecord(parts: EngineParts, { workflow, bound, options, model }: RunAsk): StartBody {
  const { budget, deadlineAt, session, priority, roots } = options;
  const price = model.info?.price;
  return {
    type: 'run.started',
    mode: 'engine',
    workflow: workflow.name,
    workflowVersion: workflow.version,
    input: bound.input,
    policy: { ...DEFAULT_TERMINATION, ...workflow.termination, ...options.termination },
    canAsk: options.canAsk ?? false,
    tools: parts.toolsOf(workflow, roots).map(({ name }) => name),
    ...(budget === undefined ? {} : { budget }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(session === undefined ? {} : { session }),
    ...(priority === undefined ? {} : { priority }),
    ...(roots === undefined ? {} : { roots }),
    ...(price === undefined ? {} : { price: { input: price.input, output: price.output } }),
  };
}

async function hasStarted(store: WorkflowStore, runId: string): Promise<boolean> {
  if ((await store.header(runId)) === undefined) return false;
  for await (const _first of store.read(runId, { toSeq: 1 })) return true;
  return false;
}
