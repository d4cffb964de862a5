import type { ServerContext } from '@modelcontextprotocol/server';

import { CallError } from '../calls/call-error.ts';
import type { CallEvent } from '../calls/call-ask.ts';
import type { CallService } from '../calls/call-service.ts';
import { toCallError } from '../calls/to-call-error.ts';
import type { Session } from '../sessions/session.ts';

import { type McpCall, type McpCaller, type McpOutcome, queueMessage } from './mcp-caller.ts';

/**
 * Does calls in this process.
 *
 * @param sessionOf the session a call belongs to; what it throws ends the call.
 */
export function serviceCaller(service: CallService, sessionOf: (context: ServerContext) => Session): McpCaller {
  let count = 0;
  return async (call, context) => {
    try {
      const session = sessionOf(context);
      return await run(service, session, `mcp-${(count += 1)}-${globalThis.crypto.randomUUID()}`, call);
    } catch (error) {
      return { error: toCallError(error).toWire() };
    }
  };
}

function run(service: CallService, session: Session, id: string, call: McpCall): Promise<McpOutcome> {
  const { signal, idempotencyKey, traceparent } = call;
  if (signal.aborted) return Promise.reject(cancelled());
  session.touch();
  session.calls.set(id, undefined);
  return new Promise((resolve) => {
    let onAbort = (): void => undefined;
    const end = (outcome: McpOutcome): void => {
      session.calls.delete(id);
      session.touch();
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    const handle = service.run({
      transport: session.transport,
      principal: session.principal,
      session: session.id,
      tool: call.tool,
      arguments: call.arguments,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(traceparent === undefined ? {} : { traceparent }),
      onEvent: (event) => hear(event, call, end),
    });
    if (!session.calls.has(id)) return;
    session.calls.set(id, handle);
    onAbort = () => handle.cancel(cancelled());
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function hear(event: CallEvent, call: McpCall, end: (outcome: McpOutcome) => void): void {
  switch (event.type) {
    case 'accepted':
      call.onProgress(queueMessage(event.queued, event.estimatedWaitMs));
      return;
    case 'progress':
      call.onProgress(event.message);
      return;
    case 'chunk':
      return;
    case 'result':
      end(event);
      return;
    case 'error':
      end({ error: event.error });
  }
}

function cancelled(): CallError {
  return new CallError('CANCELLED', 'cancelled by the client');
}
