import type { ServerContext } from '@modelcontextprotocol/server';

import type { StopReason, UsageReport, WireError } from '../protocol/index.ts';

/** One `tools/call` on its way to whoever does it. */
export interface McpCall {
  /** With or without the suffix `_EXAI-WS`. */
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Aborted when the client cancels, or when the stream its answer would go to is gone. */
  readonly signal: AbortSignal;
  /** From `_meta["exai/idempotencyKey"]`: the same key and arguments go on with the run a lost call began. */
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
  readonly onProgress: (message: string) => void;
}

/** How a call ended. */
export type McpOutcome = McpAnswer | { readonly error: WireError };

/** The good end of a call. */
export interface McpAnswer {
  readonly text: string;
  readonly structured?: Readonly<Record<string, unknown>> | undefined;
  readonly stop?: StopReason | undefined;
  readonly usage?: UsageReport | undefined;
}

/** Does calls: in this process, or by handing them on to a server. Never rejects. */
export type McpCaller = (call: McpCall, context: ServerContext) => Promise<McpOutcome>;

/** The words of an acceptance, for a client that shows progress. */
export function queueMessage(queued: number | undefined, estimatedWaitMs: number | undefined): string {
  if (queued === undefined) return 'started';
  const wait = estimatedWaitMs === undefined ? '' : `, about ${Math.ceil(estimatedWaitMs / 1000)} s`;
  return `waiting, position ${queued + 1}${wait}`;
}
