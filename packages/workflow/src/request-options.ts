import type { Workflow } from './define-workflow.ts';
import type { CallPurpose } from './journal.ts';
import type { ModelAsk, ModelRequest, ModelRole } from './model.ts';
import { readOptions } from './read-options.ts';

/**
 * Which model an input asks for. The workflow's default model goes only with its own provider, and a reviewer is asked
 * for from the other vendor.
 */
export function toModelAsk(workflow: Workflow, input: unknown, role: ModelRole): ModelAsk {
  const options = readOptions(input);
  const provider = options.provider ?? (options.model === undefined ? workflow.defaultProvider : undefined);
  if (role !== 'agent') return { tool: workflow.name, role, ...otherVendor(provider) };
  const fits = options.provider === undefined || options.provider === workflow.defaultProvider;
  const model = options.model ?? (fits ? workflow.defaultModel : undefined);
  return {
    tool: workflow.name,
    role,
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
  };
}

function otherVendor(provider: string | undefined): { provider?: string } {
  if (provider === 'glm') return { provider: 'kimi' };
  return provider === 'kimi' ? { provider: 'glm' } : {};
}

/** Steps over which a simulated service time is spread; the final answer takes what is left. */
const SHARED_STEPS = 5;

/** This call's share of the simulated service time the input asks for, in ms. */
export function serviceShare(
  workflow: Workflow,
  input: unknown,
  step: number,
  purpose: CallPurpose,
): number | undefined {
  const total = readOptions(input).simulate?.serviceMs;
  if (total === undefined) return undefined;
  if (workflow.kind === 'chat') return total;
  const share = total / (SHARED_STEPS + 1);
  if (purpose === 'step') return step <= SHARED_STEPS ? share : 0;
  return purpose === 'final' ? total - share * Math.min(step, SHARED_STEPS) : 0;
}

/** The settings of a request that follow from the input. `serviceMs` is this call's share of a simulated time. */
export function toSettings(workflow: Workflow, input: unknown, serviceMs?: number): Omit<ModelRequest, 'messages'> {
  const options = readOptions(input);
  const effort = options.thinking_mode ?? workflow.defaultThinking;
  return {
    ...(options.use_websearch === true ? { webSearch: true } : {}),
    ...(effort === undefined ? {} : { thinking: { effort } }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(workflow.maxOutputTokens === undefined ? {} : { maxOutputTokens: workflow.maxOutputTokens }),
    ...(serviceMs === undefined ? {} : { extra: { simulate: { serviceMs } } }),
  };
}
