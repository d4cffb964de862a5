import type { Server } from 'node:http';

import { CallError } from '../calls/call-error.ts';
import type { CallService } from '../calls/call-service.ts';
import { within } from '../calls/within.ts';
import type { Mcp } from '../mcp/mcp.ts';
import { CloseCode } from '../protocol/index.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import type { SharedSessions } from '../sessions/shared-sessions.ts';
import type { WsEndpoint } from '../ws/ws-endpoint.ts';

/** What is drained. */
export interface DrainParts {
  readonly graceMs: number;
  readonly service: CallService;
  readonly sessions: SessionRegistry;
  /** Present when other servers go on with the calls that are stopped here. */
  readonly shared: SharedSessions | undefined;
  readonly ws: WsEndpoint;
  readonly mcp: Mcp;
  readonly http: Server;
  readonly onDrain: (() => void | Promise<void>) | undefined;
}

const POLL_MS = 10;
const SETTLE_MS = 500;
const FLUSH_MS = 500;
const CLOSE_MS = 300;
/** Clients are spread over this, so that they do not all come back at once. */
const RECONNECT_MIN_MS = 1000;
const RECONNECT_SPREAD_MS = 4000;

/**
 * Ends a server without losing an answer: clients are told, what has not begun is refused with a retry hint, what runs may end
 * within the grace, what is left is stopped, or left to another server that shares the sessions, everything sent is flushed,
 * sockets close with 1012. Ends within grace + 2 s whatever hangs.
 */
export async function drainServer(parts: DrainParts): Promise<void> {
  const { graceMs, service, sessions, shared, ws, mcp, http, onDrain } = parts;
  const endsAt = performance.now() + graceMs;
  const left = (): number => Math.max(0, endsAt - performance.now());
  http.close();
  for (const session of sessions.values()) {
    const reconnectAfterMs = Math.round(RECONNECT_MIN_MS + Math.random() * RECONNECT_SPREAD_MS);
    session.send({ type: 'goaway', reason: 'drain', deadlineMs: Math.round(graceMs), reconnectAfterMs });
  }
  service.drain();
  const hook = runHook(onDrain);
  await until(() => service.inFlight === 0, left());
  shared?.leave();
  await service.close(
    new CallError('SERVER_DRAINING', 'the server ended', { retryAfterMs: RECONNECT_MIN_MS }),
    SETTLE_MS,
  );
  await within(left(), hook);
  await until(() => ws.bufferedBytesMax === 0 && mcp.pending === 0, FLUSH_MS);
  for (const session of sessions.values()) {
    session.disconnect(CloseCode.RESTART, 'the server is restarting');
    sessions.end(session, 'drained');
  }
  for (const connection of ws.connections()) connection.close(CloseCode.RESTART, 'the server is restarting');
  await within(CLOSE_MS, mcp.close());
  await until(() => ws.size === 0, CLOSE_MS);
  ws.close();
  http.closeAllConnections();
}

async function runHook(onDrain: (() => void | Promise<void>) | undefined): Promise<void> {
  try {
    await onDrain?.();
  } catch {
    // A hook that fails must not keep the server from ending.
  }
}

async function until(done: () => boolean, ms: number): Promise<void> {
  const endsAt = performance.now() + ms;
  while (!done() && performance.now() < endsAt) await sleep(Math.min(POLL_MS, endsAt - performance.now()));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
