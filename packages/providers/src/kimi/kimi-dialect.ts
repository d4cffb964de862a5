import type { FinishReason } from '../chat/chat-model.ts';
import type { ErrorClass } from '../chat/provider-error.ts';
import type { Dialect } from '../wire/dialect.ts';
import { readChunk } from '../wire/read-chunk.ts';
import { classifyKimiError } from './kimi-errors.ts';
import { type KimiRequestSettings, toKimiRequest } from './kimi-request.ts';
import { KimiTextGuard } from './kimi-text-guard.ts';

const FINISH: Readonly<Record<string, FinishReason | ErrorClass>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  content_filter: 'content-filter',
};

/** How Kimi speaks. */
export function kimiDialect(settings: KimiRequestSettings): Dialect {
  return {
    provider: 'kimi',
    toRequest: (request, model) => toKimiRequest(request, model, settings),
    toDeltas: readChunk,
    toError: classifyKimiError,
    toFinish: (raw) => FINISH[raw],
    toolId: (name, index) => `functions.${name}:${index}`,
    textGuard: () => new KimiTextGuard(),
  };
}
