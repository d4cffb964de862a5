import type { PostgresPool } from '@exai/workflow/postgres';

import { CallError } from '../calls/call-error.ts';
import type { ServerEventHub } from '../events.ts';
import { CloseCode, MAX_DEADLINE_MS } from '../protocol/index.ts';
import type { Session } from '../sessions/session.ts';
import { type SessionEnd, SessionRegistry } from '../sessions/session-registry.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';

import { createSharedSessions } from './create-shared-sessions.ts';
import type { ExaiServer } from './exai-server.ts';

/** What sessions live with, and leave behind when they end. */
export interface SessionParts {
  readonly server: Pick<ExaiServer, 'config' | 'service' | 'semaphore'>;
  readonly events: ServerEventHub;
  readonly pool: PostgresPool | undefined;
}

/** The sessions of a server; `shared` are those that other servers can go on with. */
export interface ServerSessions {
  readonly sessions: SessionRegistry;
  readonly shared: SharedSessions | undefined;
}

const SETTLE_MS = 5000;

/** Makes the registry of the sessions, and clears up after those that end. */
export function createSessions(parts: SessionParts): ServerSessions {
  const { events, pool } = parts;
  const { config } = parts.server;
  const sessions = new SessionRegistry(
    {
      maxConcurrent: config.sessionMaxConcurrent,
      timeoutMs: config.sessionTimeoutMs,
      resumeWindowMs: config.resumeWindowMs,
      outbox: { entries: config.outboxEntries, bytes: config.outboxBytes },
    },
    {
      started: ({ id, transport }) => events.emit('sessionStarted', { session: id, transport }),
      ended: (session, reason) => void endSession(session, reason, { ...parts, sessions, shared }),
    },
  );
  const shared = createSharedSessions(config, pool, sessions);
  return { sessions, shared };
}

/**
 * Its calls end, then the permits that are still its own are taken back: nothing could release them any more. The runs of one that
 * moved are driven to their end here, and answered where it is now.
 */
async function endSession(
  session: Session,
  reason: SessionEnd,
  { server, events, sessions, shared }: SessionParts & ServerSessions,
): Promise<void> {
  const { service, semaphore } = server;
  events.emit('sessionEnded', { session: session.id, transport: session.transport, reason });
  shared?.ended(session, reason === 'closed' || reason === 'expired');
  if (reason === 'moved') {
    session.disconnect(CloseCode.REPLACED, 'another server has this session now');
    await service.whenIdle(session.id, MAX_DEADLINE_MS);
    // It may have come back.
    if (sessions.get(session.id) !== undefined) return;
  } else {
    session.disconnect(CloseCode.POLICY, 'the session ended');
    for (const call of session.calls.values()) call?.cancel(new CallError('CANCELLED', 'the session ended'));
    await service.whenIdle(session.id, SETTLE_MS);
  }
  await semaphore.endSession(session.id);
}
