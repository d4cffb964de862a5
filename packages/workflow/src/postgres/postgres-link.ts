import { WorkflowError } from '../workflow-error.ts';
import type { PostgresAnswer, PostgresConnection, PostgresPool } from './postgres-pool.ts';

/** Runs one statement of a transaction. */
export type Ask = (text: string, values?: unknown[]) => Promise<PostgresAnswer>;

/** SQLSTATE classes and codes after which a connection is of no more use. */
const BROKEN = /^(08|57|25P0[234])/;

/**
 * Calls to a PostgreSQL, each bounded in time: for a connection to come free, and for every answer. What goes wrong is
 * a `WorkflowError` `STORE_FAILED` that says what was attempted, with the driver's error as its cause.
 */
export class PostgresLink {
  readonly #pool: () => Promise<PostgresPool>;
  readonly #timeoutMs: number;

  constructor(pool: () => Promise<PostgresPool>, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
  }

  /** One statement, a transaction of its own. */
  async query(attempt: string, text: string, values: unknown[] = []): Promise<PostgresAnswer> {
    return await this.#with(attempt, (connection) => this.#ask(connection, text, values));
  }

  /** Several statements, all or none. */
  async transaction<T>(attempt: string, work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#with(attempt, async (connection) => {
      const ask: Ask = (text, values = []) => this.#ask(connection, text, values);
      await ask('begin');
      try {
        const result = await work(ask);
        await ask('commit');
        return result;
      } catch (error) {
        // A broken connection is closed, which rolls back too.
        if (!isBroken(error)) await ask('rollback');
        throw error;
      }
    });
  }

  async #with<T>(attempt: string, work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    let connection: PostgresConnection | undefined;
    let broken = false;
    try {
      connection = await this.#connect();
      return await work(connection);
    } catch (cause) {
      broken = isBroken(cause);
      if (WorkflowError.is(cause)) throw cause;
      throw new WorkflowError('STORE_FAILED', `cannot ${attempt}: ${reasonOf(cause)}`, { cause });
    } finally {
      connection?.release(broken);
    }
  }

  async #ask(connection: PostgresConnection, text: string, values: unknown[]): Promise<PostgresAnswer> {
    return await connection.query({ text, values, query_timeout: this.#timeoutMs });
  }

  /** A connection that comes too late goes straight back to its pool. */
  async #connect(): Promise<PostgresConnection> {
    const pool = await this.#pool();
    const coming = pool.connect();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no connection within ${this.#timeoutMs} ms`));
        coming.then(
          (connection) => connection.release(),
          () => undefined,
        );
      }, this.#timeoutMs);
    });
    try {
      return await Promise.race([coming, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** True unless the server answered with an error that leaves the connection as it was. */
function isBroken(error: unknown): boolean {
  if (WorkflowError.is(error)) return false;
  const code = codeOf(error);
  return code === undefined || !/^[0-9A-Z]{5}$/.test(code) || BROKEN.test(code);
}

/** SQLSTATE or system error code. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (codeOf(error) === 'ERR_MODULE_NOT_FOUND') return 'the package pg is not installed';
  return message === '' ? (codeOf(error) ?? 'unknown reason') : message;
}
