import { z } from 'zod';

import { assertSupported } from '../journal-book.ts';
import type { JournalHeader } from '../journal.ts';
import type { JournalSummary, Lease, PruneFilter, StoredRecord, StoreFilter, WorkflowStore } from '../store.ts';
import { WorkflowError } from '../workflow-error.ts';
import { PostgresLink } from './postgres-link.ts';
import { createPool, type OwnPool, type PostgresPool } from './postgres-pool.ts';
import { assertSchemaName, openSchema } from './postgres-schema.ts';
import { toStatements, type Statements } from './postgres-statements.ts';
import { assertStorable, isText, key, toHeader, toRecord } from './stored-journal.ts';

const DEFAULTS = { schema: 'exai', poolSize: 10, callTimeoutMs: 10_000 } as const;
const DEFAULT_LIMIT = 100;
/** Records fetched, and journals removed, by one statement. */
const PAGE = 500;

const Journal = z.object({ last_seq: z.coerce.number(), epoch: z.coerce.number(), lease_owner: z.string().nullable() });
const Granted = z.object({ epoch: z.coerce.number(), expires_at: z.coerce.number() });
const Body = z.object({ seq: z.coerce.number().nullable(), body: z.string().nullable() });
const Summary = z.object({
  header: z.string(),
  last_seq: z.coerce.number(),
  last_at: z.coerce.number(),
  last_type: z.string(),
});
const LeaseRow = z.object({
  id: z.string(),
  state: z.enum(['held', 'expired', 'free']),
  lastType: z.string(),
});

/** Settings of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /**
   * The database, as `postgres://user:password@host:port/database?sslmode=…`; a pool is made with the package `pg`
   * and ended by `close()`. Give this or `pool`.
   */
  readonly url?: string;
  /** A pool of the host's, e.g. a `Pool` of `pg` 8; `close()` leaves it open. Its `error` events are the host's. */
  readonly pool?: PostgresPool;
  /** Connections of a pool made from `url`. @defaultValue 10 */
  readonly poolSize?: number;
  /** Schema that holds the tables: lower-case letters, digits, `_`, at most 48. @defaultValue 'exai' */
  readonly schema?: string;
  /**
   * Longest wait for a connection, and again for each answer, in ms. After it a call rejects with `STORE_FAILED`.
   * @defaultValue 10_000
   */
  readonly callTimeoutMs?: number;
}

/** How a run's lease stands: `held` until it ends, `expired` when its holder did not renew it, `free` without one. */
export interface LeaseState {
  readonly state: 'held' | 'expired' | 'free';
  /** Type of the last record; empty before the first one. */
  readonly lastType: string;
}

/** A store in PostgreSQL, for any number of processes. */
export interface PostgresStore extends WorkflowStore {
  /**
   * Connects, checks the server and makes the tables or brings them up to date. Every other call does so first; after a
   * failure the next call tries again.
   *
   * @throws `WorkflowError` `UNSUPPORTED_VERSION` (the server is older than PostgreSQL 13, the layout is newer or
   * somebody else's), `STORE_FAILED` (unreachable, no rights, a read-only replica, not UTF-8).
   */
  open(): Promise<void>;
  /** One round trip; rejects with `STORE_FAILED` when the database does not answer. */
  ping(): Promise<void>;
  /** Runs that have not ended and whose holder did not renew its lease: their process is gone. The oldest come first. */
  expiredRuns(limit: number): Promise<readonly string[]>;
  /** How the leases of these journals stand by the server's clock; journals that do not exist are left out. */
  leaseStates(ids: readonly string[]): Promise<ReadonlyMap<string, LeaseState>>;
}

/**
 * Keeps journals in PostgreSQL 13 or newer, for any number of processes. An append is one statement: it is there whole
 * or not at all, and is refused (`FENCED`) once a newer lease has been given. Leases end by the server's
 * `clock_timestamp()`, so the clocks of the processes do not matter. Durable as the server's `synchronous_commit` says.
 *
 * @throws `TypeError` (neither or both of `url` and `pool`, or no PostgreSQL URL), `RangeError` (a number or `schema`).
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const schema = options.schema ?? DEFAULTS.schema;
  assertSchemaName(schema);
  const callTimeoutMs = positive('callTimeoutMs', options.callTimeoutMs ?? DEFAULTS.callTimeoutMs);
  const poolSize = positive('poolSize', options.poolSize ?? DEFAULTS.poolSize);
  return toPlain(new PgStore(toSource(options, poolSize, callTimeoutMs), schema, callTimeoutMs));
}

/** As an object of its own functions, like the other stores, so that `{ ...store, append }` decorates it. */
function toPlain(store: PgStore): PostgresStore {
  return {
    caps: store.caps,
    open: () => store.open(),
    ping: () => store.ping(),
    create: (header) => store.create(header),
    header: (id) => store.header(id),
    append: (id, expectedSeq, records, lease) => store.append(id, expectedSeq, records, lease),
    read: (id, range) => store.read(id, range),
    acquire: (id, owner, ttlMs) => store.acquire(id, owner, ttlMs),
    renew: (lease, ttlMs) => store.renew(lease, ttlMs),
    release: (lease) => store.release(lease),
    expiredRuns: (limit) => store.expiredRuns(limit),
    leaseStates: (ids) => store.leaseStates(ids),
    list: (filter) => store.list(filter),
    prune: (filter) => store.prune(filter),
    close: () => store.close(),
  };
}

type Source = () => Promise<OwnPool>;

class PgStore implements PostgresStore {
  readonly caps = { durable: 'fsync', multiProcess: true } as const;
  readonly #source: Source;
  readonly #schema: string;
  readonly #link: PostgresLink;
  readonly #sql: Statements;
  #pool: Promise<OwnPool> | undefined;
  #opened: Promise<void> | undefined;
  #closed = false;

  constructor(source: Source, schema: string, callTimeoutMs: number) {
    this.#source = source;
    this.#schema = schema;
    this.#sql = toStatements(schema);
    this.#link = new PostgresLink(async () => (await (this.#pool ??= this.#source())).pool, callTimeoutMs);
  }

  async open(): Promise<void> {
    if (this.#closed) throw new WorkflowError('STORE_FAILED', 'the store is closed');
    this.#opened ??= openSchema(this.#link, this.#schema).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    await this.#opened;
  }

  async ping(): Promise<void> {
    await this.open();
    await this.#link.query('reach PostgreSQL', 'select 1');
  }

  async create(header: JournalHeader): Promise<'created' | 'exists'> {
    assertSupported(header);
    assertStorable(header);
    const { id, kind, workflow = null, owner = null, conversationId = null, createdAt } = header;
    const values = [id, kind, workflow, owner, conversationId, JSON.stringify(header), createdAt];
    const { rowCount } = await this.#query(`create journal ${id}`, this.#sql.create, values);
    return rowCount === 1 ? 'created' : 'exists';
  }

  async header(id: string): Promise<JournalHeader | undefined> {
    await this.open();
    if (!isText(id)) return undefined;
    const { rows } = await this.#query(`read the header of ${id}`, this.#sql.header, [id]);
    const row = z.array(z.object({ header: z.string() })).parse(rows)[0];
    return row === undefined ? undefined : toHeader(id, row.header);
  }

  async append(id: string, expectedSeq: number, records: readonly StoredRecord[], lease: Lease): Promise<number> {
    const last = records.at(-1);
    const inOrder = records.every((record, index) => record.seq === expectedSeq + index + 1);
    if (last === undefined || !inOrder) return await this.#explain(id, expectedSeq, lease, inOrder);
    const bodies = records.map((record) => JSON.stringify(record));
    const values = [key(id), expectedSeq, lease.epoch, bodies, last.at, last.type];
    const { rowCount } = await this.#query(`append to journal ${id}`, this.#sql.append, values);
    if (rowCount === records.length) return last.seq;
    return await this.#explain(id, expectedSeq, lease, false);
  }

  async *read(
    id: string,
    { fromSeq = 1, toSeq = 2 ** 31 - 1 }: { readonly fromSeq?: number; readonly toSeq?: number } = {},
  ): AsyncGenerator<StoredRecord, void, undefined> {
    let next = Math.max(1, fromSeq);
    for (;;) {
      const { rows } = await this.#query(`read journal ${id}`, this.#sql.read, [key(id), next, toSeq, PAGE]);
      if (rows.length === 0) throw new WorkflowError('RUN_NOT_FOUND', `no journal ${id}`);
      for (const { seq, body } of z.array(Body).parse(rows)) {
        if (seq === null || body === null) return;
        yield toRecord(id, seq, body);
        next = seq + 1;
      }
      if (rows.length < PAGE) return;
    }
  }

  async acquire(id: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    const { rows } = await this.#query(`acquire journal ${id}`, this.#sql.acquire, [key(id), owner, ttlMs]);
    const row = z.array(Granted).parse(rows)[0];
    if (row !== undefined) return { id, owner, epoch: row.epoch, expiresAt: row.expires_at };
    await this.#journal(id);
    return undefined;
  }

  async renew(lease: Lease, ttlMs: number): Promise<Lease | undefined> {
    const values = [key(lease.id), lease.epoch, ttlMs];
    const { rows } = await this.#query(`renew the lease of journal ${lease.id}`, this.#sql.renew, values);
    const row = z.array(Granted).parse(rows)[0];
    return row === undefined ? undefined : { ...lease, expiresAt: row.expires_at };
  }

  async release(lease: Lease): Promise<void> {
    await this.#query(`release journal ${lease.id}`, this.#sql.release, [key(lease.id), lease.epoch]);
  }

  async expiredRuns(limit: number): Promise<readonly string[]> {
    const { rows } = await this.#query('look for runs that nobody drives', this.#sql.expiredRuns, [limit]);
    return z
      .array(z.object({ id: z.string() }))
      .parse(rows)
      .map(({ id }) => id);
  }

  async leaseStates(ids: readonly string[]): Promise<ReadonlyMap<string, LeaseState>> {
    const { rows } = await this.#query('read leases', this.#sql.leaseStates, [ids.filter(isText)]);
    return new Map(
      z
        .array(LeaseRow)
        .parse(rows)
        .map(({ id, ...state }) => [id, state]),
    );
  }

  async list(filter: StoreFilter = {}): Promise<readonly JournalSummary[]> {
    const { kind = null, workflow = null, owner = null, conversationId = null, limit = DEFAULT_LIMIT } = filter;
    const texts = [kind, workflow, owner, conversationId];
    await this.open();
    if (!texts.every((text) => text === null || isText(text))) return [];
    const { rows } = await this.#query('list journals', this.#sql.list, [...texts, limit]);
    return z
      .array(Summary)
      .parse(rows)
      .map(({ header, last_seq: lastSeq, last_at: lastAt, last_type: lastType }) => {
        return { header: toHeader('listed', header), lastSeq, lastAt, lastType };
      });
  }

  async prune({ before, kind, unfinished = false }: PruneFilter): Promise<number> {
    let removed = 0;
    for (;;) {
      const values = [before, kind ?? null, unfinished, PAGE];
      const gone = (await this.#query('prune journals', this.#sql.prune, values)).rowCount ?? 0;
      removed += gone;
      if (gone < PAGE) return removed;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const pool = await this.#pool?.catch(() => undefined);
    await pool?.end();
  }

  async #query(attempt: string, text: string, values: unknown[]): ReturnType<PostgresLink['query']> {
    await this.open();
    return await this.#link.query(attempt, text, values);
  }

  async #journal(id: string): Promise<z.infer<typeof Journal>> {
    const { rows } = await this.#query(`read journal ${id}`, this.#sql.journal, [key(id)]);
    const row = z.array(Journal).parse(rows)[0];
    if (row === undefined) throw new WorkflowError('RUN_NOT_FOUND', `no journal ${id}`);
    return row;
  }

  /** Why nothing was appended; its last seq when nothing was to be appended and nothing speaks against it. */
  async #explain(id: string, expectedSeq: number, lease: Lease, inOrder: boolean): Promise<number> {
    const { last_seq: lastSeq, epoch, lease_owner: owner } = await this.#journal(id);
    if (owner === null || epoch !== lease.epoch)
      throw new WorkflowError('FENCED', `lease ${lease.epoch} of journal ${id} is not the newest`);
    if (inOrder && lastSeq === expectedSeq) return lastSeq;
    throw new WorkflowError('CONFLICT', `journal ${id} is at ${lastSeq}, the append expected ${expectedSeq}`);
  }
}

function toSource({ url, pool }: PostgresStoreOptions, poolSize: number, callTimeoutMs: number): Source {
  if ((url === undefined) === (pool === undefined))
    throw new TypeError('postgresStore needs url or pool, and not both');
  if (pool !== undefined) return async () => ({ pool, end: async () => undefined });
  // The value may hold a password and stays out of the message.
  const isPostgres = url !== undefined && /^postgres(ql)?:\/\//.test(url) && URL.canParse(url);
  if (!isPostgres) throw new TypeError('url must be a postgres:// URL');
  return async () => await createPool({ url, poolSize, callTimeoutMs, applicationName: 'exai-workflow' });
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`${name} must be a positive integer, got ${value}`);
}
