/** A query as `pg` takes it. */
export interface PostgresQuery {
  readonly text: string;
  readonly values?: unknown[];
  /** Longest wait for the answer, in ms; the connection is of no use after it has passed. */
  readonly query_timeout?: number;
}

/** What is used of an answer. */
export interface PostgresAnswer {
  readonly rows: readonly unknown[];
  readonly rowCount: number | null;
}

/** A connection, by shape: a `PoolClient` of `pg` 8 fits. */
export interface PostgresConnection {
  readonly query: (query: PostgresQuery) => Promise<PostgresAnswer>;
  /** Gives the connection back; `true` closes it. */
  readonly release: (close?: boolean) => void;
}

/** A pool of connections, by shape: a `Pool` of `pg` 8 fits. */
export interface PostgresPool {
  readonly connect: () => Promise<PostgresConnection>;
}

/** A pool made here, and how to end it. */
export interface OwnPool {
  readonly pool: PostgresPool;
  /** Closes every connection; waits for those in use. */
  readonly end: () => Promise<void>;
}

/** Settings of a pool made from a URL. */
export interface PoolSettings {
  /** `postgres://…`; may hold a password. */
  readonly url: string;
  /** Most connections. */
  readonly poolSize: number;
  /** Longest wait for a connection, and for an answer, in ms. */
  readonly callTimeoutMs: number;
  /** How the database names the connections to its operator. */
  readonly applicationName: string;
}

/**
 * Makes a pool with the package `pg`. A connection that breaks is dropped; whoever uses it then hears of it by what it
 * asked for, and the next call makes a new one.
 */
export async function createPool({ url, poolSize, callTimeoutMs, applicationName }: PoolSettings): Promise<OwnPool> {
  const { Pool } = await import('pg');
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: callTimeoutMs,
    statement_timeout: callTimeoutMs,
    idle_in_transaction_session_timeout: callTimeoutMs,
    keepAlive: true,
    application_name: applicationName,
    allowExitOnIdle: true,
  });
  pool.on('error', ignore);
  // The pool listens to a connection while it is idle; without a listener of its own, one that breaks in use would end the process.
  pool.on('connect', (client) => client.on('error', ignore));
  return { pool, end: () => pool.end() };
}

function ignore(): void {}
