import { fold } from './apply-record.ts';
import { CallerStep, gradeEvidence, toClaim, type StepEvidence } from './caller-step.ts';
import { coverageOf } from './coverage.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { StartOptions } from './engine-options.ts';
import type { EngineParts } from './engine-parts.ts';
import { issuesOf } from './evidence-tool.ts';
import { IdleRuns } from './idle-runs.ts';
import { JOURNAL_VERSION, toBody, type JournalRecord, type RecordBody } from './journal.ts';
import { loadRun, type LoadedRun } from './load-run.ts';
import { readOptions } from './read-options.ts';
import { RunDriver } from './run-driver.ts';
import { EventHub, type RunEvent } from './run-events.ts';
import { RunJournal } from './run-journal.ts';
import type { StepInstruction } from './step-instruction.ts';
import { DEFAULT_TERMINATION } from './termination-policy.ts';
import { WorkflowError } from './workflow-error.ts';

/** The name of the model of a caller-driven step. */
const CALLER = 'caller';

/** One submission, checked and placed. */
interface Submission {
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly step: CallerStep;
  readonly owner: string | undefined;
  readonly options: StartOptions;
  readonly continuationId: string;
  readonly signal: AbortSignal;
}

/** Caller-driven runs: the caller does the work, the engine checks, remembers and says when it is enough. */
export class CallerDriven {
  readonly #parts: EngineParts;
  readonly #emit: (event: RunEvent) => void;
  readonly #idle: IdleRuns;

  constructor(parts: EngineParts, emit: (event: RunEvent) => void) {
    this.#parts = parts;
    this.#emit = emit;
    this.#idle = new IdleRuns(parts, emit);
  }

  async submit(workflow: Workflow, claim: unknown, options: StartOptions): Promise<StepInstruction> {
    const submission = await this.#check(workflow, claim, options);
    const { conversations } = this.#parts;
    const leave = await conversations.turn(submission.continuationId, submission.signal);
    if (leave === undefined) throw new WorkflowError('ABORTED', 'the step was canceled while it waited for its turn');
    try {
      return await this.#take(submission);
    } finally {
      leave();
    }
  }

  /** Stops looking for idle runs. */
  close(): void {
    this.#idle.close();
  }

  async #check(workflow: Workflow, claim: unknown, options: StartOptions): Promise<Submission> {
    const bound = workflow.bind(claim);
    const parsed = CallerStep.safeParse(bound.input);
    if (!parsed.success) throw new WorkflowError('INVALID_ARGUMENTS', `${workflow.name}: ${issuesOf(parsed.error)}`);
    const { conversations, ids } = this.#parts;
    const owner = options.owner ?? options.session;
    const continuation = readOptions(bound.input).continuation_id;
    if (continuation !== undefined) await conversations.check(continuation, owner);
    const continuationId = continuation ?? options.conversationId ?? ids();
    if (continuation === undefined) await conversations.open(continuationId, owner);
    const signal = options.signal ?? new AbortController().signal;
    return { workflow, bound, step: parsed.data, owner, options, continuationId, signal };
  }

  async #take(submission: Submission): Promise<StepInstruction> {
    const { runId, loaded } = await this.#runOf(submission);
    const evidence = await gradeEvidence(submission.step, this.#parts.rootsOf(submission.options.roots));
    return await this.#driving(submission, runId, loaded?.records ?? [], async (journal, driver) => {
      if (loaded === undefined) {
        await journal.append(startRecord(submission));
        await this.#opened(submission, runId);
      }
      if (!isOpen(journal)) await journal.append(...this.#stepRecords(submission, journal, evidence));
      const outcome = await driver.settle();
      this.#idle.note(runId, outcome.result);
      return this.#instruct(submission, journal, evidence, outcome);
    });
  }

  /** The run this step belongs to: the open one, a branch of it, or a new one. */
  async #runOf(submission: Submission): Promise<{ readonly runId: string; readonly loaded: LoadedRun | undefined }> {
    const { workflow, step, continuationId } = submission;
    const { conversations, store, find } = this.#parts;
    const open = await conversations.lastOpened(continuationId, workflow.name);
    if (open === undefined) return await this.#begin(submission);
    const loaded = await loadRun(store, open, find);
    const state = fold(loaded.records);
    if (state.finished === undefined && this.#parts.clock() - state.at >= this.#parts.idleMs) {
      await this.#idle.abandon(open);
      if (step.step_number > 1) throw new WorkflowError('RUN_FINISHED', `run ${open} was abandoned`);
      return await this.#begin(submission);
    }
    if (state.finished !== undefined) {
      if (step.step_number > 1) throw new WorkflowError('RUN_FINISHED', `run ${open} is ${state.finished.stop.kind}`);
      return await this.#begin(submission);
    }
    if (step.backtrack_from_step !== undefined) return await this.#branch(submission, loaded, step.backtrack_from_step);
    return { runId: open, loaded };
  }

  async #begin(submission: Submission): Promise<{ readonly runId: string; readonly loaded: undefined }> {
    const runId = submission.options.runId ?? this.#parts.ids();
    await this.#create(submission, runId, {});
    return { runId, loaded: undefined };
  }

  /** Goes back to before a step: a new run with the records up to there; the abandoned branch stays as it is. */
  async #branch(
    submission: Submission,
    parent: LoadedRun,
    fromStep: number,
  ): Promise<{ readonly runId: string; readonly loaded: LoadedRun }> {
    const cut = parent.records.findIndex((record) => record.type === 'step.started' && record.step === fromStep);
    if (cut < 0) throw new WorkflowError('INVALID_ARGUMENTS', `there is no step ${fromStep} to go back to`);
    const runId = this.#parts.ids();
    await this.#create(submission, runId, { parent: { runId: parent.header.id, seq: cut } });
    const kept = parent.records.slice(0, cut);
    await this.#driving(submission, runId, [], async (journal) => await journal.append(...kept.map(toBody)));
    await this.#opened(submission, runId);
    return { runId, loaded: await loadRun(this.#parts.store, runId, this.#parts.find) };
  }

  async #opened({ continuationId, workflow }: Submission, runId: string): Promise<void> {
    await this.#parts.conversations.opened(continuationId, runId, workflow.name);
  }

  async #create(
    submission: Submission,
    runId: string,
    more: { readonly parent?: { runId: string; seq: number } },
  ): Promise<void> {
    const { workflow, owner, continuationId } = submission;
    const made = await this.#parts.store.create({
      id: runId,
      kind: 'run',
      version: JOURNAL_VERSION,
      createdAt: this.#parts.clock(),
      workflow: workflow.name,
      workflowVersion: workflow.version,
      conversationId: continuationId,
      ...(owner === undefined ? {} : { owner }),
      ...more,
    });
    if (made === 'exists') throw new WorkflowError('CONFLICT', `run ${runId} exists already`);
  }

  /** Holds the lease of a run while `work` uses its journal. */
  async #driving<T>(
    submission: Submission,
    runId: string,
    past: readonly JournalRecord[],
    work: (journal: RunJournal, driver: RunDriver) => Promise<T>,
  ): Promise<T> {
    const { store, clock, owner, calibration, leaseMs, leases } = this.#parts;
    await calibration.load();
    const lease = await store.acquire(runId, owner, leaseMs);
    if (lease === undefined) throw new WorkflowError('LOCKED', `run ${runId} is driven elsewhere`);
    const journal = new RunJournal({ runId, store, lease, hub: new EventHub(), clock, onEvent: this.#emit }, past);
    const lost = new AbortController();
    const leave = leases.keep(journal, () => lost.abort());
    const signal = AbortSignal.any([submission.signal, lost.signal]);
    try {
      return await work(journal, this.#driver({ ...submission, signal }, journal));
    } finally {
      leave();
      await store.release(journal.lease);
    }
  }

  #driver(submission: Submission, journal: RunJournal): RunDriver {
    const { models, clock, drainMs, calibration, maxPromptTokens, conversations } = this.#parts;
    const { workflow, bound, continuationId, signal, owner, options } = submission;
    const roots = this.#parts.rootsOf(options.roots);
    return new RunDriver({
      journal,
      workflow,
      bound,
      continuationId,
      models,
      roots,
      signal,
      clock,
      drainMs,
      maxPromptTokens,
      history: [],
      tools: [],
      calibrate: (ask) => calibration.estimate(ask),
      onResult: async (result) => {
        const question = readOptions(journal.state.start?.input).step ?? '';
        await conversations.open(continuationId, owner);
        await conversations.add(continuationId, {
          runId: journal.runId,
          tool: workflow.name,
          question,
          answer: result.text,
        });
      },
    });
  }

  #stepRecords({ step, workflow }: Submission, journal: RunJournal, { items }: StepEvidence): RecordBody[] {
    const number = journal.state.steps + 1;
    const claim = toClaim(step);
    const { p, n } = this.#parts.calibration.estimate({ tool: workflow.name, model: CALLER, level: claim.confidence });
    return [
      { type: 'step.started', step: number, purpose: 'step', model: CALLER, reserved: { tokens: 0 } },
      {
        type: 'model.finished',
        step: number,
        purpose: 'step',
        text: step.step,
        reasoning: '',
        toolCalls: [],
        finishReason: 'stop',
        model: CALLER,
      },
      { type: 'evidence', step: number, index: 0, items },
      { type: 'claim', step: number, claim, via: 'caller', p, n },
      { type: 'step.finished', step: number },
    ];
  }

  #instruct(
    submission: Submission,
    journal: RunJournal,
    { refused }: StepEvidence,
    outcome: Awaited<ReturnType<RunDriver['settle']>>,
  ): StepInstruction {
    const { state } = journal;
    const { bound, step, continuationId } = submission;
    const { met, missing } = coverageOf(state, bound.requirements);
    const made = state.claims.at(-1);
    const expert = state.verdicts.findLast(({ by }) => by === 'expert');
    const { result, text } = outcome;
    const gaps = bound.requirements.filter(({ id }) => missing.includes(id));
    const guided = made === undefined ? [] : bound.guide({ step: state.steps, claim: made.claim, gaps });
    return {
      status: result === undefined ? 'continue' : 'finished',
      runId: journal.runId,
      continuationId,
      step: state.steps,
      nextStepRequired: result === undefined,
      requiredActions: result === undefined ? [...(text === undefined ? [] : [text]), ...guided] : [],
      coverage: { met, missing },
      confidence: { reported: step.confidence, p: made?.p ?? 0, n: made?.n ?? 0 },
      refusedCitations: refused,
      ...(expert === undefined ? {} : { expert: { ok: expert.ok, text: expert.text, gaps: expert.gaps } }),
      ...(result === undefined ? {} : { stop: result.stop, result }),
    };
  }
}

/** A step that was written and not yet decided about, because the process ended in between. */
function isOpen({ state }: RunJournal): boolean {
  return state.pending !== undefined && (state.pending.action === 'expert' || state.pending.action === 'judge');
}

function startRecord({ workflow, bound, options }: Submission): RecordBody {
  const { budget, deadlineAt, session } = options;
  return {
    type: 'run.started',
    mode: 'caller',
    workflow: workflow.name,
    workflowVersion: workflow.version,
    input: bound.input,
    policy: { ...DEFAULT_TERMINATION, ...workflow.termination, ...options.termination },
    canAsk: false,
    tools: [],
    ...(budget === undefined ? {} : { budget }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(session === undefined ? {} : { session }),
  };
}
