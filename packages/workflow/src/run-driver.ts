import { buildFinalPrompt, buildPrompt, type PromptParts } from './build-prompt.ts';
import type { Calibrated, CalibrationAsk } from './calibration.ts';
import { decideState, type Plan } from './decide.ts';
import type { PanelMember } from './define-workflow.ts';
import { estimator, type EstimateParts } from './estimate-call.ts';
import type { Roots } from './evidence/roots.ts';
import { extractClaim } from './extract-claim.ts';
import type { RecordBody, RecordOf } from './journal.ts';
import { JournaledCalls, type CallParts } from './journaled-calls.ts';
import { finalFits } from './limits.ts';
import type { Model, ModelAsk, ModelRole } from './model.ts';
import { toModelAsk } from './request-options.ts';
import { readReview, reviewPrompt } from './review.ts';
import { resultOf } from './run-result.ts';
import type { RunState } from './run-state.ts';
import type { RunResult, StopReason } from './stop-reason.ts';
import { stopRequestOf } from './stop-request.ts';
import { runTools, settleUnknown, type ToolRunnerParts } from './tool-runner.ts';
import { WorkflowError } from './workflow-error.ts';

/** What drives one run. */
export interface DriverParts extends EstimateParts, Omit<CallParts, 'estimate'> {
  readonly continuationId: string;
  readonly models: (ask: ModelAsk) => Model;
  readonly roots: Roots;
  readonly clock: () => number;
  readonly drainMs: number;
  /** What the calibration says of a claim. */
  readonly calibrate: (ask: CalibrationAsk) => Calibrated;
  /** Called with the result before it is written as the end of the run. */
  readonly onResult: (result: RunResult) => Promise<void>;
}

/** Drives one run from wherever its journal stands to its end. What comes next follows from the journal alone. */
export class RunDriver {
  readonly #parts: DriverParts;
  readonly #plan: Plan;
  readonly #calls: JournaledCalls;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.#plan = toPlan(parts);
    this.#calls = new JournaledCalls({ ...parts, estimate: this.#plan.estimate });
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
    const model = this.#model(this.#state.done.escalated ? 'expert' : 'agent');
    await this.#calls.make({
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
      this.#calls.make({
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
    const result = await this.#calls.make({ step, purpose: by, model: this.#model(by), messages, offerTools: false });
    if (this.#parts.signal.aborted) return;
    const review = result === undefined ? { ok: 'unknown' as const, text: '', gaps: [] } : readReview(result.text);
    await journal.append({ type: 'verdict', step, by, ...review });
  }

  #model(role: ModelRole): Model {
    const { models, workflow, bound } = this.#parts;
    return models(toModelAsk(workflow, bound.input, role));
  }

  /** Writes the final answer, if there is room for one, and ends the run. */
  async #finish(stop: StopReason): Promise<RunResult> {
    // What is remembered of a run is its owner's word.
    this.#parts.journal.assertHeld();
    if (this.#needsFinal(stop)) {
      const messages = buildFinalPrompt(this.#prompt, stop);
      await this.#calls.make({
        step: this.#state.steps,
        purpose: 'final',
        model: this.#model('agent'),
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
    return resultOf(this.#state, stop, { runId: journal.runId, bound, continuationId });
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
export function toPlan(parts: EstimateParts): Plan {
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
