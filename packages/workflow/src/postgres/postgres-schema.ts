import { z } from 'zod';

import { WorkflowError } from '../workflow-error.ts';
import type { Ask, PostgresLink } from './postgres-link.ts';

/** Oldest server the statements are written for. */
const OLDEST_SERVER = 13;
const PRODUCT = '@exai/workflow';
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,47}$/;

const Server = z.object({ version: z.coerce.number(), encoding: z.string(), replica: z.boolean() });
const Found = z.object({ layout: z.string().nullable(), journals: z.string().nullable(), exists: z.boolean() });
const Layout = z.object({ product: z.string(), version: z.coerce.number() });

/** Layout changes in order; the version of a schema is the number of those it has seen. Never edit one, add one. */
const MIGRATIONS: readonly ((schema: string) => string)[] = [
  (schema) => `
    create table ${schema}.layout (product text not null, version integer not null);
    insert into ${schema}.layout values ('${PRODUCT}', 0);
    create table ${schema}.journals (
      id text primary key,
      kind text not null,
      workflow text,
      owner text,
      conversation_id text,
      header text not null,
      last_seq integer not null default 0,
      last_at double precision not null,
      last_type text not null default '',
      epoch integer not null default 0,
      lease_owner text,
      lease_expires_at timestamptz
    );
    create table ${schema}.records (
      journal_id text not null references ${schema}.journals (id) on delete cascade,
      seq integer not null,
      body text not null,
      primary key (journal_id, seq)
    );
    create index journals_by_age on ${schema}.journals (kind, last_at desc);
    create index journals_by_lease on ${schema}.journals (lease_expires_at) where lease_owner is not null;
    create index journals_by_owner on ${schema}.journals using hash (owner);
    create index journals_by_conversation on ${schema}.journals using hash (conversation_id);`,
];

/** Throws `RangeError` for a name that would have to be quoted. */
export function assertSchemaName(schema: string): void {
  if (SCHEMA_NAME.test(schema)) return;
  throw new RangeError(`schema must match ${SCHEMA_NAME}, got ${JSON.stringify(schema)}`);
}

/**
 * Checks the server and brings the schema to this version's layout. One process at a time does so, behind an advisory
 * lock that ends with the transaction; the others find the work done. A schema that is up to date is only read.
 *
 * @throws `WorkflowError` `UNSUPPORTED_VERSION` (the server is older than PostgreSQL 13, the layout is newer, or the
 * tables are somebody else's), `STORE_FAILED` (unreachable, no rights, a read-only replica, not UTF-8).
 */
export async function openSchema(link: PostgresLink, schema: string): Promise<void> {
  await assertServer(link);
  await link.transaction(`make the tables of schema ${schema}`, async (ask) => {
    await ask('select pg_advisory_xact_lock(hashtext($1), hashtext($2))', [PRODUCT, schema]);
    const from = await findVersion(ask, schema);
    if (from === MIGRATIONS.length) return;
    if (from === 0) await ask(`create schema if not exists ${schema}`);
    for (const migrate of MIGRATIONS.slice(from)) await ask(migrate(schema));
    await ask(`update ${schema}.layout set version = $1`, [MIGRATIONS.length]);
  });
}

async function assertServer(link: PostgresLink): Promise<void> {
  const { rows } = await link.query(
    'connect to PostgreSQL',
    `select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding,
      pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as replica`,
  );
  const { version, encoding, replica } = Server.parse(rows[0]);
  const major = Math.floor(version / 10_000);
  if (major < OLDEST_SERVER) {
    throw new WorkflowError('UNSUPPORTED_VERSION', `PostgreSQL ${OLDEST_SERVER} or newer is needed, this is ${major}`);
  }
  if (encoding !== 'UTF8')
    throw new WorkflowError('STORE_FAILED', `the database must be UTF8, this one is ${encoding}`);
  if (replica)
    throw new WorkflowError('STORE_FAILED', 'this PostgreSQL is a read-only replica, writes need the primary');
}

/** Version of the layout that is there; 0 for none. */
async function findVersion(ask: Ask, schema: string): Promise<number> {
  const found = await ask(
    `select to_regclass($1)::text as layout, to_regclass($2)::text as journals,
      exists (select from pg_namespace where nspname = $3) as exists`,
    [`${schema}.layout`, `${schema}.journals`, schema],
  );
  const { layout, journals, exists } = Found.parse(found.rows[0]);
  if (!exists || (layout === null && journals === null)) return 0;
  const rows = layout === null ? [] : await readLayout(ask, schema);
  const parsed = z.array(Layout).length(1).safeParse(rows);
  if (!parsed.success || parsed.data[0]?.product !== PRODUCT) {
    throw new WorkflowError('UNSUPPORTED_VERSION', `schema ${schema} holds tables of something else; choose another`);
  }
  const { version } = parsed.data[0];
  if (version <= MIGRATIONS.length) return version;
  const versions = `version ${version}, this package knows ${MIGRATIONS.length}`;
  throw new WorkflowError('UNSUPPORTED_VERSION', `schema ${schema} was written by a newer package: ${versions}`);
}

/** As JSON, so that a table with other columns is no error. */
async function readLayout(ask: Ask, schema: string): Promise<unknown[]> {
  const { rows } = await ask(`select to_jsonb(layout) as layout from ${schema}.layout as layout limit 2`);
  return z
    .array(z.object({ layout: z.unknown() }))
    .parse(rows)
    .map(({ layout }) => layout);
}
