import { contextTokens } from './context-window.ts';
import type { WireError } from './dialect.ts';
import { glmFault } from './glm-rules.ts';
import { kimiFault } from './kimi-rules.ts';
import type { SimulatedCall } from './persona-reply.ts';

/** What the real provider would refuse in a request, in its words; `undefined` when it would answer. */
export function findFault(call: SimulatedCall, promptTokens: number): WireError | undefined {
  const window = contextTokens(call.model);
  return call.provider === 'glm' ? glmFault(call, promptTokens > window) : kimiFault(call, promptTokens, window);
}
