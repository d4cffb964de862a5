import type { FinishReason } from '../chat/chat-model.ts';
import type { ErrorClass } from '../chat/provider-error.ts';
import { isRecord } from '../json-value.ts';
import type { Delta } from '../wire/delta.ts';
import type { Dialect } from '../wire/dialect.ts';
import { readChunk } from '../wire/read-chunk.ts';
import { classifyGLMError } from './glm-errors.ts';
import { type GlmRequestSettings, toGlmRequest } from './glm-request.ts';
import { toSources } from './glm-sources.ts';
import { GlmTextGuard } from './glm-text-guard.ts';

const FINISH: Readonly<Record<string, FinishReason | ErrorClass>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  sensitive: 'content-filter',
  network_error: {
    code: 'SERVER_ERROR',
    retryable: true,
    message: 'the model broke off the answer (finish_reason network_error)',
    upstreamCode: 'network_error',
  },
  model_context_window_exceeded: {
    code: 'CONTEXT_OVERFLOW',
    retryable: false,
    message: 'prompt and answer exceed the context window (finish_reason model_context_window_exceeded)',
    upstreamCode: 'model_context_window_exceeded',
    hint: 'shorten the conversation',
  },
};

/** How GLM speaks. */
export function glmDialect(settings: GlmRequestSettings & { readonly leakGuard: boolean }): Dialect {
  return {
    provider: 'glm',
    toRequest: (request, model) => toGlmRequest(request, model, settings),
    toDeltas: toGlmDeltas,
    toError: classifyGLMError,
    toFinish: (raw) => FINISH[raw],
    toolId: (name, index) => `call_${index}_${name}`,
    textGuard: () => new GlmTextGuard(settings.leakGuard),
  };
}

/** The deltas of one GLM chunk: those of the common form, after the sources of its own web search. */
export function toGlmDeltas(chunk: unknown): Delta[] {
  const deltas = readChunk(chunk);
  if (!isRecord(chunk) || chunk['web_search'] === undefined) return deltas;
  const sources = toSources(chunk['web_search']).map((source): Delta => ({ type: 'source', source }));
  return [...sources, ...deltas];
}
