import type { PostgresPool } from '@exai/workflow/postgres';
import type { Pool } from 'pg';

const CONNECTIONS = 10;
const ANSWER_MS = 10_000;
const END_MS = 500;

/** The connections of a server to its database, for journals and sessions. */
export interface ServerPool {
  readonly pool: PostgresPool;
  /** Waits half a second for connections that are in use. */
  readonly end: () => Promise<void>;
}

/**
 * Makes a pool that connects, and loads the driver, when it is first used. A connection that breaks is dropped; whoever uses it then hears of
 * it by what it asked for.
 */
export function createServerPool(url: string): ServerPool {
  let pool: Promise<Pool> | undefined;
  return {
    pool: { connect: async () => (await (pool ??= openPool(url))).connect() },
    end: async () => {
      const late = new Promise<void>((resolve) => {
        setTimeout(resolve, END_MS).unref();
      });
      await Promise.race([(await pool)?.end(), late]);
    },
  };
}

async function openPool(url: string): Promise<Pool> {
  const { Pool: PgPool } = await import('pg');
  const pool = new PgPool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: ANSWER_MS,
    statement_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: ANSWER_MS,
    keepAlive: true,
    application_name: 'exai-server',
    allowExitOnIdle: true,
  });
  pool.on('error', ignore);
  // The pool listens to a connection while it is idle; without a listener of its own, one that breaks in use would end the process.
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

function ignore(): void {}
