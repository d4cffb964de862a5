import { CHARS_PER_TOKEN, fixedChars, toFunctionTools, type Exchange } from './build-prompt.ts';
import type { BoundWorkflow, Workflow } from './define-workflow.ts';
import type { EvidenceTool } from './evidence-tool.ts';
import type { Estimate } from './limits.ts';
import type { RunState } from './run-state.ts';

/** What an estimate is made from; nothing of it changes during a run. */
export interface EstimateParts {
  readonly workflow: Workflow;
  readonly bound: BoundWorkflow;
  readonly history: readonly Exchange[];
  readonly tools: readonly EvidenceTool[];
  readonly maxPromptTokens: number;
}

/** Tokens reserved for an answer when the workflow names no limit and nothing has been answered yet. */
const DEFAULT_OUTPUT = 1_500;
/** The next answer may be this much longer than the mean so far. */
const OUTPUT_MARGIN = 2;
const MILLION = 1_000_000;

/** Makes the estimator of a run: upper figures for the next call and the final answer, from the journal alone. */
export function estimator(parts: EstimateParts): (state: RunState) => Estimate {
  const toolChars = parts.workflow.kind === 'chat' ? 0 : JSON.stringify(toFunctionTools(parts.tools)).length;
  const fixed = fixedChars(parts) + toolChars;
  return (state) => {
    const prompt = Math.ceil(Math.min(parts.maxPromptTokens, (fixed + state.turnChars) / CHARS_PER_TOKEN));
    const output = outputTokens(parts.workflow, state);
    const finalTokens = parts.workflow.kind === 'chat' ? 0 : prompt + output;
    const usd = usdOf(state, prompt, output, parts.workflow.kind === 'chat' ? 1 : 2);
    return { tokens: prompt + output, finalTokens, ...(usd === undefined ? {} : { usd }) };
  };
}

function outputTokens(workflow: Workflow, state: RunState): number {
  if (state.spent.calls === 0) return workflow.maxOutputTokens ?? DEFAULT_OUTPUT;
  const mean = (state.spent.outputTokens + state.spent.reasoningTokens) / state.spent.calls;
  return Math.min(workflow.maxOutputTokens ?? Infinity, Math.max(mean * OUTPUT_MARGIN, DEFAULT_OUTPUT / 2));
}

/** From the known price, else from what the calls so far have cost. */
function usdOf(state: RunState, prompt: number, output: number, calls: number): number | undefined {
  const price = state.start?.price;
  if (price !== undefined) return (calls * (prompt * price.input + output * price.output)) / MILLION;
  const { costUsd, totalTokens } = state.spent;
  return costUsd > 0 ? (calls * (prompt + output) * costUsd) / totalTokens : undefined;
}
