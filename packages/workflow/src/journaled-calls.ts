import { callKey } from './apply-record.ts';
import { toFunctionTools } from './build-prompt.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { EvidenceTool } from './evidence-tool.ts';
import type { CallPurpose } from './journal.ts';
import type { Estimate } from './limits.ts';
import { callModel } from './model-call.ts';
import type { FunctionTool, Message, Model, ModelCallOptions, ModelRequest, ModelResult } from './model.ts';
import { serviceShare, toSettings } from './request-options.ts';
import type { RunJournal } from './run-journal.ts';
import type { RunState } from './run-state.ts';
import { addUsage } from './run-usage.ts';
import { serializeError } from './stop-reason.ts';
import { WorkflowError } from './workflow-error.ts';

/** What the model calls of a run are made with. */
export interface CallParts {
  readonly journal: RunJournal;
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly tools: readonly EvidenceTool[];
  readonly signal: AbortSignal;
  /** What the next call may use at most; written down as reserved. */
  readonly estimate: (state: RunState) => Estimate;
}

/** One model call to make. */
export interface CallAsk {
  readonly step: number;
  readonly purpose: CallPurpose;
  readonly model: Model;
  readonly messages: Message[];
  readonly offerTools: boolean;
  readonly member?: string;
}

/** The model calls of one run: each is written down before it is made, and after it with its usage in one piece. */
export class JournaledCalls {
  readonly #parts: CallParts;
  readonly #functionTools: FunctionTool[];

  constructor(parts: CallParts) {
    this.#parts = parts;
    this.#functionTools = toFunctionTools(parts.tools);
  }

  /** Makes a call; its start is written down once, also when it is made again after a crash. Returns nothing when it failed. */
  async make(ask: CallAsk): Promise<ModelResult | undefined> {
    const { journal, signal, estimate } = this.#parts;
    const { step, purpose, model } = ask;
    const member = memberOf(ask);
    const name = `${model.provider}/${model.modelId}`;
    if (!journal.state.openCalls.has(callKey(ask))) {
      const { tokens, usd } = estimate(journal.state);
      const reserved = { tokens, ...(usd === undefined ? {} : { usd }) };
      await journal.append({ type: 'step.started', step, purpose, model: name, reserved, ...member });
    }
    if (signal.aborted) return undefined;
    try {
      const { result, waitedMs } = await callModel(model, this.#request(ask), this.#options(), {
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
    const { journal } = this.#parts;
    const { step, purpose } = ask;
    const { text, reasoning, toolCalls, finishReason, sources, usage, cost } = result;
    await journal.append(
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
        ...memberOf(ask),
      },
      {
        type: 'budget',
        step,
        usage,
        waitedMs,
        ...(cost === undefined ? {} : { costUsd: cost }),
        spent: addUsage(journal.state.spent, usage, cost ?? 0, waitedMs),
      },
    );
  }

  #request({ purpose, messages, offerTools }: CallAsk): ModelRequest {
    const { journal, workflow, bound } = this.#parts;
    const share = serviceShare(workflow, bound.input, journal.state.steps, purpose);
    const settings = toSettings(workflow, bound.input, share);
    const { webSearch, ...quiet } = settings;
    const allowed = purpose === 'step' && webSearch === true ? settings : quiet;
    return { messages, ...allowed, ...(offerTools ? { tools: this.#functionTools, toolChoice: 'auto' } : {}) };
  }

  #options(): ModelCallOptions {
    const { journal, signal } = this.#parts;
    const { start, deadlineAt } = journal.state;
    return {
      signal,
      ...(start?.session === undefined ? {} : { session: start.session }),
      ...(start?.priority === undefined ? {} : { priority: start.priority }),
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
    };
  }
}

function memberOf({ member }: CallAsk): { member?: string } {
  return member === undefined ? {} : { member };
}
