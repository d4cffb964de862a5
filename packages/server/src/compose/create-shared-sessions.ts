import type { PostgresPool } from '@exai/workflow/postgres';

import type { ServerConfig } from '../config/server-config.ts';
import { PostgresSessionStore } from '../sessions/postgres-session-store.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { randomHandle } from '../sessions/session.ts';
import { SharedSessions } from '../sessions/shared-sessions.ts';

/** A server says every few seconds that it is there; so much longer than a resume may take its sessions are kept after the last time. */
const SILENCE_MS = 15_000;

/** The sessions that other servers can go on with; nothing without a database. */
export function createSharedSessions(
  { resumeWindowMs }: ServerConfig,
  pool: PostgresPool | undefined,
  registry: SessionRegistry,
): SharedSessions | undefined {
  if (pool === undefined) return undefined;
  const store = new PostgresSessionStore({ pool, owner: randomHandle(), keptMs: resumeWindowMs + SILENCE_MS });
  return new SharedSessions({ registry, store });
}
