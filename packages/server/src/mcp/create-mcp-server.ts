import {
  type CallToolRequest,
  type CallToolResult,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
  TRACEPARENT_META_KEY,
} from '@modelcontextprotocol/server';

import { VERSION } from '../version.ts';

import type { McpCaller } from './mcp-caller.ts';
import { toToolResult } from './to-tool-result.ts';
import type { ListedTool } from './tool-listing.ts';

/** What an MCP server is made of. */
export interface McpServerParts {
  readonly tools: readonly ListedTool[];
  readonly caller: McpCaller;
}

/** `_meta` key of a call: a name for it, so that a lost one can be taken up again. */
export const IDEMPOTENCY_META_KEY = 'exai/idempotencyKey';

const INSTRUCTIONS =
  'Each tool hands work to GLM or Kimi. A result with isError has a code; wait retryAfterMs before another try. Pass continuation_id to go on with a conversation.';
const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
const MAX_KEY = 128;

/**
 * Makes the MCP side of one connection, or of one request: it is never shared, so that no answer can reach another client.
 * An unknown tool is a protocol error (-32602); every other failure is a tool result.
 */
export function createMcpServer({ tools, caller }: McpServerParts): McpServer {
  const mcp = new McpServer(
    { name: 'exai-server', version: VERSION },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  const listed = tools.map((tool) => ({ ...tool }));
  mcp.server.setRequestHandler('tools/list', () => ({ tools: listed }));
  mcp.server.setRequestHandler('tools/call', (request, context) => callTool(caller, request.params, context));
  return mcp;
}

async function callTool(
  caller: McpCaller,
  params: CallToolRequest['params'],
  context: ServerContext,
): Promise<CallToolResult> {
  const { _meta: meta, signal } = context.mcpReq;
  const key: unknown = meta?.[IDEMPOTENCY_META_KEY];
  const traceparent: unknown = meta?.[TRACEPARENT_META_KEY];
  const lost = context.http?.req?.signal;
  const outcome = await caller(
    {
      tool: params.name,
      arguments: params.arguments ?? {},
      signal: lost === undefined ? signal : AbortSignal.any([signal, lost]),
      ...(typeof key === 'string' && key !== '' && key.length <= MAX_KEY ? { idempotencyKey: key } : {}),
      ...(typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? { traceparent } : {}),
      onProgress: progressSender(context),
    },
    context,
  );
  if ('error' in outcome && outcome.error.code === 'UNKNOWN_TOOL') {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, outcome.error.message);
  }
  return toToolResult(outcome);
}

/**
 * Tells progress to a client that asked for it, in numbers that grow whatever happens behind it. What cannot be delivered is dropped:
 * the result says everything.
 */
function progressSender({ mcpReq }: ServerContext): (message: string) => void {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  let progress = -1;
  return (message) => {
    progress += 1;
    mcpReq
      .notify({ method: 'notifications/progress', params: { progressToken, progress, message } })
      .catch(() => undefined);
  };
}
