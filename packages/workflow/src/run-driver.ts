import { buildFinalPrompt, buildPrompt, toFunctionTools, type Exchange, type PromptParts } from './build-prompt.ts';
import { callKey } from './apply-record.ts';
import type { Calibrated, CalibrationAsk } from './calibration.ts';
import { coverageOf } from './coverage.ts';
import { decideState, type Plan } from './decide.ts';
import type { BoundWorkflow, PanelMember, Workflow } from './define-workflow.ts';
import { estimator } from './estimate-call.ts';
import type { EvidenceTool } from './evidence-tool.ts';
import type { Roots } from './evidence/roots.ts';
import { extractClaim } from './extract-claim.ts';
import type { CallPurpose, RecordBody, RecordOf } from './journal.ts';
import { finalFits } from './limits.ts';
import { callModel } from './model-call.ts';
import type { FunctionTool, Message, Model, ModelAsk, ModelRequest, ModelResult } from './model.ts';
import { serviceShare, toModelAsk, toSettings } from './request-options.ts';
import { readReview, reviewPrompt } from './review.ts';
import type { RunJournal } from './run-journal.ts';
import { reportedConfidence, type RunState } from './run-state.ts';
import { addUsage } from './run-usage.ts';
import { serializeError, type RunResult, type StopReason } from './stop-reason.ts';
import { stopRequestOf } from './stop-request.ts';
import { runTools, settleUnknown, type ToolRunnerParts } from './tool-runner.ts';
import { WorkflowError } from './workflow-error.ts';

/** What drives one run. */
export interface DriverParts {
  readonly journal: RunJournal;
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly history: readonly Exchange[];
  readonly continuationId: string;
  readonly models: (ask: ModelAsk) => Model;
  readonly tools: readonly EvidenceTool[];
  readonly roots: Roots;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly maxPromptTokens: number;
  readonly drainMs: number;
  /** What the calibration says of a claim. */
  readonly calibrate: (ask: CalibrationAsk) => Calibrated;
  /** Called with the result before it is written as the end of the run. */
  readonly onResult: (result: RunResult) => Promise<void>;
}

interface CallAsk {
  readonly step: number;
  readonly purpose: CallPurpose;
  readonly model: Model;
  readonly messages: Message[];
  readonly offerTools: boolean;
  readonly member?: string;
}

/** Drives one run from wherever its journal stands to its end. What comes next follows from the journal alone. */
export class RunDriver {
  readonly #parts: DriverParts;
  readonly #plan: Plan;
  readonly #functionTools: FunctionTool[];

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.#plan = toPlan(parts);
    this.#functionTools = toFunctionTools(parts.tools);
  }

  /** Runs to the end, or to the point where a human must answer. Rejects only when the journal cannot be written. */
  async run(): Promise<RunResult> {
    for (;;) {
      const state = this.#state;
      if (state.finished !== undefined) return state.finished;
      if (state.suspended !== undefined) return this.#resultOf({ kind: 'suspended', request: state.suspended });
      if (this.#parts.signal.aborted) return await this.#finish(this.#aborted());
      await this.#advance(state);
    }
  }

  /**
   * Decides about the last step of a caller-driven run and lets the reviewers look: the result when that ends the run,
   * else what to tell the caller. Rejects with `ABORTED` when the signal fires; the step can then be sent again.
   */
  async settle(): Promise<{ readonly result?: RunResult; readonly text?: string }> {
    const { journal, signal, clock } = this.#parts;
    for (;;) {
      if (signal.aborted) throw new WorkflowError('ABORTED', 'the step was canceled', { cause: signal.reason });
      const pending = this.#state.pending ?? decideState(this.#state, this.#plan, clock());
      if (this.#state.pending === undefined)
        await journal.append({ type: 'decision', step: this.#state.steps, ...pending });
      if (pending.action === 'stop' && pending.stop !== undefined) return { result: await this.#finish(pending.stop) };
      if (pending.action !== 'expert' && pending.action !== 'judge') {
        return pending.text === undefined ? {} : { text: pending.text };
      }
      await this.#review(pending.action);
    }
  }

  get #state(): RunState {
    return this.#parts.journal.state;
  }

  async #advance(state: RunState): Promise<void> {
    if (state.openStep !== undefined) return await this.#closeStep(state.openStep);
    if (state.openCalls.has('step')) return await this.#step();
    const unasked = this.#parts.bound.panel.filter(({ id }) => !state.panel.has(id));
    if (unasked.length > 0 && state.steps === 0) return await this.#askPanel(unasked);
    if (state.pending !== undefined) return await this.#carryOut(state.pending);
    const decision = decideState(state, this.#plan, this.#parts.clock());
    await this.#parts.journal.append({ type: 'decision', step: state.steps, ...decision });
  }

  async #carryOut({ action, stop }: RecordOf<'decision'>): Promise<void> {
    switch (action) {
      case 'stop':
        if (stop !== undefined) await this.#finish(stop);
        return;
      case 'suspend':
        if (stop?.kind === 'suspended')
          await this.#parts.journal.append({ type: 'run.suspended', request: stop.request });
        return;
      case 'expert':
      case 'judge':
        return await this.#review(action);
      case 'continue':
      case 'nudge':
      case 'verify':
      case 'wrap_up':
      case 'repair':
      case 'escalate':
        return await this.#step();
    }
  }

  async #step(): Promise<void> {
    const { workflow } = this.#parts;
    const open = this.#state.openCalls.get('step');
    const step = open?.step ?? this.#state.steps + 1;
    const model = this.#state.done.escalated ? this.#reviewer('expert') : this.#agent();
    await this.#call({
      step,
      purpose: 'step',
      model,
      messages: buildPrompt(this.#prompt),
      offerTools: workflow.kind !== 'chat',
    });
  }

  /** Runs the tools of an answer, takes its claim, and ends the step. */
  async #closeStep(answer: RecordOf<'model.finished'>): Promise<void> {
    const { journal } = this.#parts;
    const { step, toolCalls } = answer;
    if (this.#parts.workflow.kind === 'chat') return await journal.append({ type: 'step.finished', step });
    const human = journal.records.at(-1);
    if (human?.type === 'run.resumed' && human.answer !== undefined) {
      await settleUnknown(this.#toolParts, step, toolCalls, human.answer);
    }
    const [unknown] = await runTools(this.#toolParts, step, toolCalls);
    if (unknown !== undefined) {
      const question = `Whether ${unknown.name}(${JSON.stringify(unknown.args)}) took effect before the crash is not known. What is the case?`;
      return await journal.append({ type: 'run.suspended', request: { kind: 'unknown_tool_call', question } });
    }
    if (this.#parts.signal.aborted && journal.state.openTools.size > 0) return;
    await journal.append(...this.#claimRecords(answer), { type: 'step.finished', step });
  }

  #claimRecords(answer: RecordOf<'model.finished'>): RecordBody[] {
    const { step } = answer;
    const found = extractClaim(answer);
    if (found === undefined) return [];
    if ('error' in found) return [{ type: 'claim.rejected', step, error: found.error }];
    const level = found.claim.confidence;
    const { p, n } = this.#parts.calibrate({ tool: this.#parts.workflow.name, model: answer.model, level });
    return [{ type: 'claim', step, claim: found.claim, via: found.via, p, n }];
  }

  /** Asks all members side by side, each blind to the others. A member that fails is left out. */
  async #askPanel(members: readonly PanelMember[]): Promise<void> {
    const asked = members.map((member) =>
      this.#call({
        step: 0,
        purpose: 'panel',
        model: this.#parts.models({ tool: this.#parts.workflow.name, role: 'agent', ...pick(member) }),
        messages: [
          { role: 'system', content: member.systemPrompt },
          { role: 'user', content: member.prompt },
        ],
        offerTools: false,
        member: member.id,
      }),
    );
    const settled = await Promise.allSettled(asked);
    const failed = settled.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Has another model check the claim. Its failure is written down as `unknown`. */
  async #review(by: 'expert' | 'judge'): Promise<void> {
    const { journal, bound } = this.#parts;
    const step = this.#state.steps;
    const messages = reviewPrompt(bound, this.#state);
    const result = await this.#call({ step, purpose: by, model: this.#reviewer(by), messages, offerTools: false });
    if (this.#parts.signal.aborted) return;
    const review = result === undefined ? { ok: 'unknown' as const, text: '', gaps: [] } : readReview(result.text);
    await journal.append({ type: 'verdict', step, by, ...review });
  }

  #agent(): Model {
    const { models, workflow, bound } = this.#parts;
    return models(toModelAsk(workflow, bound.input, 'agent'));
  }

  #reviewer(role: 'expert' | 'judge'): Model {
    const { models, workflow, bound } = this.#parts;
    return models(toModelAsk(workflow, bound.input, role));
  }

  /** One model call: written down before, and after with its usage in one piece. Nothing is returned when it failed. */
  async #call(ask: CallAsk): Promise<ModelResult | undefined> {
    const { journal, signal } = this.#parts;
    const { step, purpose, model } = ask;
    const member = ask.member === undefined ? {} : { member: ask.member };
    const name = `${model.provider}/${model.modelId}`;
    if (!this.#state.openCalls.has(callKey(ask))) {
      const { tokens, usd } = this.#plan.estimate(this.#state);
      const reserved = { tokens, ...(usd === undefined ? {} : { usd }) };
      await journal.append({ type: 'step.started', step, purpose, model: name, reserved, ...member });
    }
    if (signal.aborted) return undefined;
    try {
      const { result, waitedMs } = await callModel(model, this.#request(ask), this.#callOptions(), {
        delta: (text) => journal.tell({ type: 'model.delta', step, text }),
        progress: (event) => journal.tell({ type: 'model.event', step, event }),
      });
      await this.#keep(ask, name, result, waitedMs);
      return result;
    } catch (error) {
      if (WorkflowError.is(error)) throw error;
      if (signal.aborted) return undefined;
      await journal.append({ type: 'model.failed', step, purpose, error: serializeError(error), ...member });
      return undefined;
    }
  }

  async #keep(ask: CallAsk, name: string, result: ModelResult, waitedMs: number): Promise<void> {
    const { step, purpose } = ask;
    const { text, reasoning, toolCalls, finishReason, sources, usage, cost } = result;
    await this.#parts.journal.append(
      {
        type: 'model.finished',
        step,
        purpose,
        text,
        reasoning,
        toolCalls,
        finishReason,
        model: name,
        ...(sources === undefined || sources.length === 0 ? {} : { sources }),
        ...(ask.member === undefined ? {} : { member: ask.member }),
      },
      {
        type: 'budget',
        step,
        usage,
        waitedMs,
        ...(cost === undefined ? {} : { costUsd: cost }),
        spent: addUsage(this.#state.spent, usage, cost ?? 0, waitedMs),
      },
    );
  }

  #request({ purpose, messages, offerTools }: CallAsk): ModelRequest {
    const { workflow, bound } = this.#parts;
    const share = serviceShare(workflow, bound.input, this.#state.steps, purpose);
    const settings = toSettings(workflow, bound.input, share);
    const { webSearch, ...quiet } = settings;
    const allowed = purpose === 'step' && webSearch === true ? settings : quiet;
    return { messages, ...allowed, ...(offerTools ? { tools: this.#functionTools, toolChoice: 'auto' } : {}) };
  }

  #callOptions(): { signal: AbortSignal; session?: string; priority?: number; deadlineAt?: number } {
    const { start, deadlineAt } = this.#state;
    return {
      signal: this.#parts.signal,
      ...(start?.session === undefined ? {} : { session: start.session }),
      ...(start?.priority === undefined ? {} : { priority: start.priority }),
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
    };
  }

  /** Writes the final answer, if there is room for one, and ends the run. */
  async #finish(stop: StopReason): Promise<RunResult> {
    // What is remembered of a run is its owner's word.
    this.#parts.journal.assertHeld();
    if (this.#needsFinal(stop)) {
      const messages = buildFinalPrompt(this.#prompt, stop);
      await this.#call({
        step: this.#state.steps,
        purpose: 'final',
        model: this.#agent(),
        messages,
        offerTools: false,
      });
    }
    const canceled = this.#parts.signal.aborted && stop.kind !== 'canceled' && stop.kind !== 'deadline';
    const reason = canceled && this.#state.finalText === undefined ? this.#aborted() : stop;
    const result = this.#resultOf(reason);
    this.#parts.journal.assertHeld();
    await this.#parts.onResult(result);
    await this.#parts.journal.append({ type: 'run.finished', stop: reason, result });
    return result;
  }

  #needsFinal(stop: StopReason): boolean {
    const state = this.#state;
    const { workflow, signal, clock } = this.#parts;
    if (workflow.kind === 'chat' || state.start?.mode === 'caller') return false;
    if (state.finalText !== undefined || state.rounds.length === 0) return false;
    if (signal.aborted || stop.kind === 'failed') return false;
    return finalFits(state, this.#plan.estimate(state), clock());
  }

  #aborted(): StopReason {
    const { kind, by } = stopRequestOf(this.#parts.signal);
    return kind === 'deadline' ? { kind } : { kind, by };
  }

  #resultOf(stop: StopReason): RunResult {
    const { journal, bound, continuationId } = this.#parts;
    const state = this.#state;
    const last = state.claims.at(-1);
    const reported = reportedConfidence(state);
    const { met, missing } = coverageOf(state, bound.requirements);
    return {
      runId: journal.runId,
      stop,
      text: bestText(state),
      ...(last === undefined ? {} : { output: last.claim }),
      confidence: { ...(reported === undefined ? {} : { reported }), p: last?.p ?? 0, n: last?.n ?? 0 },
      coverage: { met, missing },
      usage: state.spent,
      steps: state.steps,
      ...(state.sources.length === 0 ? {} : { sources: state.sources }),
      continuationId,
      ...(state.lastModel === undefined ? {} : { model: state.lastModel }),
    };
  }

  get #prompt(): PromptParts {
    const { workflow, bound, history, maxPromptTokens } = this.#parts;
    return { workflow, bound, history, state: this.#state, maxTokens: maxPromptTokens };
  }

  get #toolParts(): ToolRunnerParts {
    const { journal, tools, roots, signal, clock, drainMs } = this.#parts;
    return { journal, tools, roots, signal, clock, drainMs };
  }
}

/** What decisions of a run depend on besides its journal. */
export function toPlan(parts: Pick<DriverParts, 'workflow' | 'bound' | 'history' | 'tools' | 'maxPromptTokens'>): Plan {
  const { workflow, bound } = parts;
  return {
    kind: workflow.kind,
    requirements: bound.requirements,
    expert: workflow.expert && bound.review,
    judge: workflow.judge,
    estimate: estimator(parts),
  };
}

function pick({ provider, model }: PanelMember): { provider?: string; model?: string } {
  return { ...(provider === undefined ? {} : { provider }), ...(model === undefined ? {} : { model }) };
}

/** The final answer, else the last claim, else the last thing said. */
function bestText(state: RunState): string {
  if (state.finalText !== undefined && state.finalText.trim() !== '') return state.finalText;
  const findings = state.claims.at(-1)?.claim.findings;
  if (findings !== undefined && findings !== '') return findings;
  const last = state.turns.findLast((turn) => turn.kind === 'assistant' && turn.text.trim() !== '');
  return last?.kind === 'assistant' ? last.text : '';
}
