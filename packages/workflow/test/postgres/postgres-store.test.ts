import { createServer, type Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';

import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { WorkflowError, type WorkflowStore } from '../../src/index.ts';
import { createPool, postgresStore, type PostgresPool, type PostgresStore } from '../../src/postgres/index.ts';
import { storeConformance } from '../../src/testing/index.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../../../test/services/start-postgres.ts';

const HEADER = { id: 'run/1', kind: 'run', version: 1, createdAt: 5 } as const;
const record = (seq: number) => ({ seq, at: seq, type: 'decision' });

describe.runIf(hasPostgres('postgresStore'))('postgresStore', () => {
  let postgres: TestPostgres;
  const stores: PostgresStore[] = [];
  const schemas = new Map<WorkflowStore, string>();
  let count = 0;

  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await postgres.close();
  });

  /** A store of its own in the shared database. */
  function open(schema = `s${(count += 1)}`, options: { callTimeoutMs?: number } = {}): PostgresStore {
    const store = postgresStore({ url: postgres.url, schema, poolSize: 3, ...options });
    stores.push(store);
    schemas.set(store, schema);
    return store;
  }
  const schemaOf = (store: WorkflowStore): string => schemas.get(store) ?? '';

  describe('keeps the rules of a store:', () => {
    const subject = {
      open: async () => open(),
      second: async (first: WorkflowStore) => open(schemaOf(first)),
      reopen: async (closed: WorkflowStore) => open(schemaOf(closed)),
      advance: async (store: WorkflowStore, ms: number) => {
        const aged = `set lease_expires_at = lease_expires_at - ${ms} * interval '1 millisecond'`;
        await postgres.sql(`update ${schemaOf(store)}.journals ${aged}`);
      },
    };
    for (const { name, run } of storeConformance(subject)) it(name, run);
  });

  it('lets a lease end by the clock of the server', async () => {
    const store = open();
    await store.create(HEADER);
    const lease = await store.acquire('run/1', 'me', 300);
    expect(await store.acquire('run/1', 'you', 300)).toBeUndefined();
    const [now] = await postgres.sql('select (extract(epoch from clock_timestamp()) * 1000)::float8 as now');
    expect(lease?.expiresAt).toBeLessThanOrEqual(Number(now?.['now']) + 300);
    await expect.poll(async () => await store.acquire('run/1', 'you', 300), { timeout: 30_000 }).toBeDefined();
  });

  it('survives a connection that breaks between two statements, and goes on with another', async () => {
    const { pool, end } = await createPool({
      url: postgres.url,
      poolSize: 1,
      callTimeoutMs: 10_000,
      applicationName: 'test',
    });
    const connection = await pool.connect();
    const { rows } = await connection.query({
      text: 'select pg_backend_pid() as pid',
      values: [],
      query_timeout: 5000,
    });
    await postgres.sql(`select pg_terminate_backend(${Number(Reflect.get(Object(rows[0]), 'pid'))}, 5000)`);
    await setTimeout(50);
    await expect(connection.query({ text: 'select 1', values: [], query_timeout: 5000 })).rejects.toThrow();
    connection.release(true);
    const next = await pool.connect();
    expect((await next.query({ text: 'select 1 as one', values: [], query_timeout: 5000 })).rows).toEqual([{ one: 1 }]);
    next.release();
    await end();
  });

  it('tells held, expired and free leases apart, and what is finished', async () => {
    const store = open();
    for (const id of ['held', 'expired', 'free']) {
      await store.create({ ...HEADER, id });
      const lease = await store.acquire(id, 'me', id === 'held' ? 60_000 : 1);
      await store.append(id, 0, [{ ...record(1), type: id === 'free' ? 'run.finished' : 'decision' }], lease!);
      if (id === 'free') await store.release(lease!);
    }
    await expect
      .poll(async () => Object.fromEntries(await store.leaseStates(['held', 'expired', 'free', 'unknown', '\u0000'])), {
        timeout: 30_000,
      })
      .toEqual({
        held: { state: 'held', lastType: 'decision' },
        expired: { state: 'expired', lastType: 'decision' },
        free: { state: 'free', lastType: 'run.finished' },
      });
  });

  it('finds the runs whose process is gone: not those that ended, wait for a human, or are none', async () => {
    const store = open();
    const planted = [
      ['gone', 'run', 'decision', 1],
      ['held', 'run', 'decision', 60_000],
      ['ended', 'run', 'run.finished', 1],
      ['asks', 'run', 'run.suspended', 1],
      ['talk', 'conversation', 'exchange', 1],
    ] as const;
    for (const [id, kind, type, ttlMs] of planted) {
      await store.create({ ...HEADER, id, kind });
      const lease = await store.acquire(id, 'me', ttlMs);
      await store.append(id, 0, [{ ...record(1), type }], lease!);
    }
    await store.create({ ...HEADER, id: 'never leased' });
    await expect.poll(() => store.expiredRuns(10), { timeout: 30_000 }).toEqual(['gone']);
    expect(await store.expiredRuns(0)).toEqual([]);
  });

  it('makes its tables once when many processes start at the same time', async () => {
    const all = Array.from({ length: 8 }, () => open('together'));
    await Promise.all(all.map((store) => store.open()));
    const [row] = await postgres.sql('select count(*)::int as rows, max(version) as version from together.layout');
    expect(row).toEqual({ rows: 1, version: 1 });
  });

  it('works for a user who may read and write but make nothing, once the tables are there', async () => {
    await open('narrow').open();
    await postgres.sql(`create role clerk login; grant usage on schema narrow to clerk;
      grant select, insert, update, delete on all tables in schema narrow to clerk`);
    const url = postgres.url.replace('exai@', 'clerk@');
    const clerk = postgresStore({ url, schema: 'narrow' });
    stores.push(clerk);
    expect(await clerk.create(HEADER)).toBe('created');
    const other = postgresStore({ url, schema: 'elsewhere' });
    stores.push(other);
    await expect(other.open()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'cannot make the tables of schema elsewhere: permission denied for database postgres',
    });
  });

  it.each([
    [
      'tables of another program',
      'create table foreign1.journals (x int)',
      'schema foreign1 holds tables of something else; choose another',
    ],
    [
      'a layout table of another program',
      'create table foreign2.layout (x int); insert into foreign2.layout values (1)',
      'schema foreign2 holds tables of something else; choose another',
    ],
    [
      'a layout of another product',
      "create table foreign3.layout (product text, version int); insert into foreign3.layout values ('other', 1)",
      'schema foreign3 holds tables of something else; choose another',
    ],
    [
      'a newer layout',
      "create table foreign4.layout (product text, version int); insert into foreign4.layout values ('@exai/workflow', 99)",
      'schema foreign4 was written by a newer package: version 99, this package knows 1',
    ],
  ])('refuses a schema with %s and leaves it as it is', async (_name, sql, message) => {
    const schema = /foreign\d/.exec(sql)?.[0] ?? '';
    await postgres.sql(`create schema ${schema}; ${sql}`);
    await expect(open(schema).open()).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION', message });
    const tables = await postgres.sql('select tablename from pg_tables where schemaname = $1', [schema]);
    expect(tables).toHaveLength(1);
  });

  it('refuses a server that is too old, a replica and a database that is not UTF-8', async () => {
    const answers = (row: object): PostgresPool => ({
      connect: async () => ({ query: async () => ({ rows: [row], rowCount: 1 }), release: () => undefined }),
    });
    const opening = (row: object): Promise<void> => postgresStore({ pool: answers(row) }).open();
    const good = { version: '150004', encoding: 'UTF8', replica: false };
    await expect(opening({ ...good, version: '120022' })).rejects.toMatchObject({
      code: 'UNSUPPORTED_VERSION',
      message: 'PostgreSQL 13 or newer is needed, this is 12',
    });
    await expect(opening({ ...good, replica: true })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await postgres.sql("create database latin template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'");
    const latin = postgresStore({ url: postgres.url.replace(/postgres$/, 'latin') });
    stores.push(latin);
    await expect(latin.open()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: 'the database must be UTF8, this one is LATIN1',
    });
  });

  it('says so when nobody listens, without the password, and works once somebody does', async () => {
    const url = 'postgres://me:secret@127.0.0.1:1/db';
    const error: unknown = await postgresStore({ url })
      .open()
      .catch((reason: unknown) => reason);
    expect(WorkflowError.is(error) && error.code).toBe('STORE_FAILED');
    expect(String(error)).toContain('cannot connect to PostgreSQL: connect ECONNREFUSED');
    expect(String(error)).not.toContain('secret');
  });

  it('gives up after callTimeoutMs on a server that never answers', async () => {
    const silent = await new Promise<Server>((resolve) => {
      const server = createServer(() => undefined);
      server.listen(0, '127.0.0.1', () => resolve(server));
    });
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const store = postgresStore({ url: `postgres://me@127.0.0.1:${port}/db`, callTimeoutMs: 200 });
    await expect(store.ping()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await store.close();
    silent.close();
  });

  it('gives up after callTimeoutMs behind a lock, and on a host pool that is exhausted', async () => {
    const store = open(undefined, { callTimeoutMs: 500 });
    await store.create(HEADER);
    const pool = new Pool({ connectionString: postgres.url, max: 1 });
    const holder = await pool.connect();
    await holder.query(`begin; lock table ${schemaOf(store)}.journals`);
    await expect(store.acquire('run/1', 'me', 1_000)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    const starved = postgresStore({ pool, schema: schemaOf(store), callTimeoutMs: 200 });
    await expect(starved.ping()).rejects.toMatchObject({
      message: 'cannot connect to PostgreSQL: no connection within 200 ms',
    });
    await holder.query('rollback');
    holder.release();
    await expect.poll(() => starved.ping().then(() => 'reached', String), { timeout: 30_000 }).toBe('reached');
    expect(await starved.header('run/1')).toEqual(HEADER);
    await starved.close();
    expect((await pool.query('select 1')).rowCount).toBe(1);
    await pool.end();
  });

  it('goes on after the server was gone, with everything it had acknowledged', { timeout: 60_000 }, async () => {
    const store = open();
    await store.create(HEADER);
    const lease = await store.acquire('run/1', 'me', 60_000);
    await store.append('run/1', 0, [record(1)], lease!);
    // Only a clean stop keeps what was written while syncing is off.
    await postgres.sql('checkpoint');
    await postgres.kill();
    await expect(store.append('run/1', 1, [record(2)], lease!)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await postgres.start();
    expect(await store.append('run/1', 1, [record(2)], lease!)).toBe(2);
  });

  it('knows no journal of an id that PostgreSQL cannot keep, and makes none', async () => {
    const store = open();
    for (const id of ['a\u0000', '\ud800']) {
      expect(await store.header(id)).toBeUndefined();
      await expect(store.acquire(id, 'me', 1_000)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
      await expect(store.create({ ...HEADER, id })).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
    }
    await expect(store.create({ ...HEADER, id: 'x'.repeat(201) })).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
  });

  it('prunes more journals than one statement removes', async () => {
    const store = open();
    await store.open();
    await postgres.sql(`insert into ${schemaOf(store)}.journals (id, kind, header, last_at, last_type)
      select 'r' || n, 'run', '{}', 1, 'run.finished' from generate_series(1, 1201) as n`);
    expect(await store.prune({ before: 2 })).toBe(1_201);
  });
});

describe('postgresStore, badly called', () => {
  it.each([
    [{}, 'postgresStore needs url or pool, and not both'],
    [{ url: 'mysql://x/y' }, 'url must be a postgres:// URL'],
    [{ url: 'postgres://x y:z@@' }, 'url must be a postgres:// URL'],
    [{ url: 'postgres://x/y', schema: 'Bad Name' }, 'schema must match'],
    [{ url: 'postgres://x/y', callTimeoutMs: 0 }, 'callTimeoutMs must be a positive integer, got 0'],
    [{ url: 'postgres://x/y', poolSize: 1.5 }, 'poolSize must be a positive integer, got 1.5'],
  ])('throws at once for %o', (options, message) => {
    expect(() => postgresStore(options)).toThrow(message);
  });

  it('is closed for good after close', async () => {
    const store = postgresStore({ url: 'postgres://x/y' });
    await store.close();
    await store.close();
    await expect(store.header('x')).rejects.toMatchObject({ code: 'STORE_FAILED', message: 'the store is closed' });
  });
});
