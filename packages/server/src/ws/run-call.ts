import { CallError } from '../calls/call-error.ts';
import type { CallService } from '../calls/call-service.ts';
import type { Call } from '../protocol/index.ts';
import type { Session } from '../sessions/session.ts';
import type { ResumedCall, SharedSessions } from '../sessions/shared-sessions.ts';

import { toFrame } from './to-frame.ts';

/** What calls are run by. */
export interface RunCallParts {
  readonly service: CallService;
  /** Present when other servers can go on with the session. */
  readonly shared?: SharedSessions | undefined;
}

/** Numbers of progress and of pieces one server can use for a call. The next one's follow them, so that they grow. */
const NUMBERS_PER_SERVER = 1_000_000;

/** Makes a call of a session and sends it what comes of it. */
export function runCall(parts: RunCallParts, session: Session, call: Call): void {
  start(parts, session, call, false);
}

/**
 * Goes on with a call of a session that came from another server: it joins its run, wherever that is driven. One without a key cannot
 * be told from a new one, and ends.
 */
export function resumeCall(parts: RunCallParts, session: Session, { call, leftMs }: ResumedCall): void {
  if (call.idempotencyKey !== undefined) {
    start(parts, session, { ...call, deadlineMs: leftMs }, true);
    return;
  }
  const why = 'its server is gone, and without an idempotency key it may not be made again';
  session.send({
    type: 'error',
    id: call.id,
    error: new CallError('RESUME_FAILED', why, { retryable: false }).toWire(),
  });
  parts.shared?.finished(session, call.id);
}

function start({ service, shared }: RunCallParts, session: Session, call: Call, isResumed: boolean): void {
  const { id, stream } = call;
  const base = isResumed ? session.fence * NUMBERS_PER_SERVER : 0;
  let isKept = isResumed;
  session.calls.set(id, undefined);
  const handle = service.run({
    transport: 'ws',
    principal: session.principal,
    session: session.id,
    tool: call.tool,
    arguments: call.arguments,
    priority: call.priority,
    deadlineMs: call.deadlineMs,
    idempotencyKey: call.idempotencyKey,
    traceparent: call.traceparent,
    onEvent: (event) => {
      if (event.type === 'chunk' && !stream) return;
      if (event.type !== 'result' && event.type !== 'error') {
        session.send(toFrame(id, event, base));
        return;
      }
      session.calls.delete(id);
      const code = event.type === 'error' ? event.error.code : undefined;
      if (isKept && shared?.isLeft(session, call, code) === true) return;
      session.send(toFrame(id, event, base));
      if (isKept) shared?.finished(session, id);
    },
  });
  if (!session.calls.has(id)) return;
  session.calls.set(id, handle);
  if (shared === undefined || isKept || handle.work === undefined) return;
  isKept = true;
  shared.accepted(session, call, handle.work.deadlineAt);
}
