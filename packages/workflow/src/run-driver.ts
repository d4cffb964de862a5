import { buildPrompt, type Exchange } from './build-prompt.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { CallPurpose } from './journal.ts';
import { callModel } from './model-call.ts';
import type { Model, ModelAsk, ModelRequest } from './model.ts';
import { toModelAsk, toSettings, readOptions } from './request-options.ts';
import type { RunJournal } from './run-journal.ts';
import { reportedConfidence, type RunState } from './run-state.ts';
import { addUsage } from './run-usage.ts';
import { serializeError, type RunResult, type StopReason } from './stop-reason.ts';

/** What drives one run. */
export interface DriverParts {
  readonly journal: RunJournal;
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly history: readonly Exchange[];
  readonly continuationId: string;
  readonly models: (ask: ModelAsk) => Model;
  readonly signal: AbortSignal;
}

/** Drives one run from wherever its journal stands to its end. */
export class RunDriver {
  readonly #parts: DriverParts;

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  async run(): Promise<RunResult> {
    const { journal } = this.#parts;
    if (journal.state.finished !== undefined) return journal.state.finished;
    if (journal.state.steps === 0) await this.#call('step');
    return await this.#finish(this.#stopReason());
  }

  get #state(): RunState {
    return this.#parts.journal.state;
  }

  #stopReason(): StopReason {
    const { signal } = this.#parts;
    if (signal.aborted) return { kind: 'canceled', by: String(signal.reason) };
    if (this.#state.failed !== undefined) return { kind: 'failed', error: this.#state.failed };
    return { kind: 'complete', verified: false, gaps: [] };
  }

  async #call(purpose: CallPurpose): Promise<void> {
    const { journal, workflow, bound, models, history, signal } = this.#parts;
    const model = models(toModelAsk(workflow, bound.input, 'agent'));
    const name = `${model.provider}/${model.modelId}`;
    const step = this.#state.steps + 1;
    if (!this.#state.openCalls.has(purpose)) {
      await journal.append({ type: 'step.started', step, purpose, model: name, reserved: { tokens: 0 } });
    }
    const messages = buildPrompt(bound, history, this.#state);
    const request: ModelRequest = {
      messages,
      ...toSettings(workflow, bound.input, readOptions(bound.input).simulate?.serviceMs),
    };
    const { start } = this.#state;
    try {
      const { result, waitedMs } = await callModel(
        model,
        request,
        {
          signal,
          ...(start?.session === undefined ? {} : { session: start.session }),
          ...(start?.priority === undefined ? {} : { priority: start.priority }),
          ...(this.#state.deadlineAt === undefined ? {} : { deadlineAt: this.#state.deadlineAt }),
        },
        {
          delta: (text) => journal.tell({ type: 'model.delta', step, text }),
          progress: (event) => journal.tell({ type: 'model.event', step, event }),
        },
      );
      const { usage } = result;
      await journal.append(
        {
          type: 'model.finished',
          step,
          purpose,
          text: result.text,
          reasoning: result.reasoning,
          toolCalls: result.toolCalls,
          finishReason: result.finishReason,
          model: name,
          ...(result.sources === undefined ? {} : { sources: result.sources }),
        },
        {
          type: 'budget',
          step,
          usage,
          waitedMs,
          ...(result.cost === undefined ? {} : { costUsd: result.cost }),
          spent: addUsage(this.#state.spent, usage, result.cost ?? 0, waitedMs),
        },
        { type: 'step.finished', step },
      );
    } catch (error) {
      if (signal.aborted) return;
      await journal.append({ type: 'model.failed', step, purpose, error: serializeError(error) });
    }
  }

  async #finish(stop: StopReason): Promise<RunResult> {
    const { journal, continuationId } = this.#parts;
    const state = this.#state;
    const reported = reportedConfidence(state);
    const result: RunResult = {
      runId: journal.runId,
      stop,
      text: state.finalText ?? lastText(state),
      confidence: {
        ...(reported === undefined ? {} : { reported }),
        p: state.claims.at(-1)?.p ?? 0.5,
        n: state.claims.at(-1)?.n ?? 0,
      },
      coverage: { met: [], missing: [] },
      usage: state.spent,
      steps: state.steps,
      ...(state.sources.length === 0 ? {} : { sources: state.sources }),
      continuationId,
      ...(state.lastModel === undefined ? {} : { model: state.lastModel }),
    };
    await journal.append({ type: 'run.finished', stop, result });
    return result;
  }
}

function lastText(state: RunState): string {
  const last = state.turns.findLast((turn) => turn.kind === 'assistant' && turn.text !== '');
  return last?.kind === 'assistant' ? last.text : '';
}
