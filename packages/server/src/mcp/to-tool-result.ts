import type { CallToolResult } from '@modelcontextprotocol/server';

import type { ErrorCode, WireError } from '../protocol/index.ts';

import type { McpAnswer, McpOutcome } from './mcp-caller.ts';

/**
 * The outcome of a call as a tool result that a model can read. `isError` unless the run is complete; a failure is a result, not
 * a protocol error, so that the model sees its code and how long to wait.
 */
export function toToolResult(outcome: McpOutcome): CallToolResult {
  return 'error' in outcome ? fromError(outcome.error) : fromAnswer(outcome);
}

function fromAnswer({ text, structured, stop, usage }: McpAnswer): CallToolResult {
  const isError = stop !== undefined && stop.kind !== 'complete';
  const continuation = structured?.['continuation_id'];
  const notes = [
    ...(isError ? [`Stopped early: ${stop.kind}. This is what there is so far, not a finished answer.`] : []),
    ...(typeof continuation === 'string' ? [`continuation_id: ${continuation}`] : []),
  ];
  return {
    content: [
      { type: 'text', text },
      ...(notes.length === 0 ? [] : [{ type: 'text' as const, text: notes.join('\n') }]),
    ],
    structuredContent: {
      text,
      ...structured,
      ...(stop === undefined ? {} : { stop }),
      ...(usage === undefined ? {} : { usage }),
    },
    isError,
  };
}

function fromError(error: WireError): CallToolResult {
  const { code, message, retryable, retryAfterMs } = error;
  const advice = retryable
    ? ` Try again${retryAfterMs === undefined ? ' later' : ` in ${inSeconds(retryAfterMs)}`}.`
    : '';
  const text = `${code}: ${message}.${advice}`;
  return {
    content: [{ type: 'text', text }],
    structuredContent: { text, ...error, stop: { kind: STOPS[code] ?? 'failed' } },
    isError: true,
  };
}

const STOPS: Partial<Record<ErrorCode, string>> = {
  CANCELLED: 'canceled',
  DEADLINE_EXCEEDED: 'deadline',
  QUEUE_TIMEOUT: 'deadline',
};

function inSeconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.ceil(ms / 1000)} s`;
}
