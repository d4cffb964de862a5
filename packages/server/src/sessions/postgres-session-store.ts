import type { PostgresAnswer, PostgresPool } from '@exai/workflow/postgres';
import { z } from 'zod';

import type { KeptCall, SessionBatch, SessionStore, TakeAsk, TakenSession } from './session-store.ts';

/** Settings of {@link PostgresSessionStore}. */
export interface PostgresSessionOptions {
  readonly pool: PostgresPool;
  /** Name of this process among all that share the sessions; a new one at every start. */
  readonly owner: string;
  /** How long a session outlives the last {@link SessionStore.renew} of its owner, in milliseconds. */
  readonly keptMs: number;
}

/** Longest wait for an answer: a client waits for its welcome. */
const ANSWER_MS = 5000;
/** Calls written by one statement; each may have arguments of a whole message. */
const PAGE = 100;
/** Written to the table, so that nobody takes another layout, or another's table, for this one. */
const LAYOUT = '@exai/server sessions 1';
/** Made once by all servers that start together. */
const LOCK = 'select pg_advisory_xact_lock(hashtext($1))';

const Found = z.array(z.object({ layout: z.string().nullable() }));
const Taken = z.array(z.object({ fence: z.number(), owner: z.string() }));
const Kept = z.array(z.object({ call: z.string().nullable(), left_ms: z.number().nullable() }));
const Lost = z.array(z.object({ id: z.string(), fence: z.number() }));

/** From the catalogue, not by `to_regclass`: that may still remember that there was nothing before the lock was waited for. */
const FIND = `select obj_description(class.oid, 'pg_class') as layout
  from pg_class as class join pg_namespace as space on space.oid = relnamespace
  where nspname = 'exai' and relname = 'sessions'`;
const CREATE = `
  create schema if not exists exai;
  create table exai.sessions (
    id text primary key,
    principal text not null,
    token_hash text not null,
    previous_hash text,
    owner text not null,
    fence integer not null default 0,
    expires_at timestamptz not null
  );
  create table exai.session_calls (
    session_id text not null references exai.sessions (id) on delete cascade,
    id text not null,
    call text not null,
    deadline_at timestamptz not null,
    end_seq bigint,
    primary key (session_id, id)
  );
  create table exai.session_losses (
    owner text not null,
    session_id text not null references exai.sessions (id) on delete cascade,
    fence integer not null,
    primary key (owner, session_id)
  );
  comment on table exai.sessions is '${LAYOUT}'`;
const IN_MS = (ms: string): string => `clock_timestamp() + ${ms} * interval '1 millisecond'`;
const BEGIN = `insert into exai.sessions (id, principal, token_hash, owner, expires_at)
  select id, principal, token_hash, $4, ${IN_MS('$5::float8')}
  from unnest($1::text[], $2::text[], $3::text[]) as begun (id, principal, token_hash)
  on conflict (id) do nothing`;
/** One statement, so that it is all or none of it. The id of a call may be used again once it has ended. */
const WRITE = `with accepted as (
    insert into exai.session_calls (session_id, id, call, deadline_at, end_seq)
    select session_id, call.id, call, ${IN_MS('left_ms')}, end_seq
    from unnest($2::text[], $3::text[], $4::text[], $5::float8[], $6::bigint[])
      as call (session_id, id, call, left_ms, end_seq)
    join exai.sessions as session on session.id = session_id and session.owner = $1
    on conflict (session_id, id) do update
      set call = excluded.call, deadline_at = excluded.deadline_at, end_seq = excluded.end_seq
  ), finished as (
    update exai.session_calls as call set end_seq = done.seq
    from unnest($7::text[], $8::text[], $9::bigint[]) as done (session_id, id, seq)
    join exai.sessions as session on session.id = session_id and session.owner = $1
    where call.session_id = done.session_id and call.id = done.id
  )
  delete from exai.session_calls as call
  using unnest($10::text[], $11::bigint[]) as acked (session_id, seq), exai.sessions as session
  where session.id = acked.session_id and session.owner = $1
    and call.session_id = session.id and call.end_seq <= acked.seq`;
const CONFIRM = 'update exai.sessions set previous_hash = null where id = any ($1) and owner = $2';
const END = 'delete from exai.sessions where id = any ($1) and owner = $2';
/** The row is the lock: of two that want a session one comes after the other, and sees what that one made of it. */
const TAKE = `with before as (
    select id, owner from exai.sessions where id = $1 for update
  ), taken as (
    update exai.sessions as session
    set fence = fence + 1, owner = $3, previous_hash = $4, token_hash = $5, expires_at = ${IN_MS('$6::float8')}
    from before
    where session.id = before.id and principal = $2 and $4 in (token_hash, previous_hash)
      and expires_at > clock_timestamp()
    returning session.id, fence, before.owner
  ), told as (
    insert into exai.session_losses (owner, session_id, fence) select owner, id, fence from taken where owner <> $3
    on conflict (owner, session_id) do update set fence = excluded.fence
  )
  select fence, owner from taken`;
const CALLS = `select call.call, (extract(epoch from call.deadline_at - clock_timestamp()) * 1000)::float8 as left_ms
  from exai.sessions as session
  left join exai.session_calls as call on call.session_id = session.id and (end_seq is null or end_seq > $4)
  where session.id = $1 and owner = $2 and fence = $3 order by call.deadline_at, call.id`;
const LOST = 'delete from exai.session_losses where owner = $1 returning session_id as id, fence';
const RENEW = `update exai.sessions set expires_at = ${IN_MS('$2::float8')} where owner = $1`;
const SWEEP = 'delete from exai.sessions where expires_at <= clock_timestamp()';

/** Sessions in PostgreSQL 13 or newer, in the schema of the journals. Times are those of its clock. */
export class PostgresSessionStore implements SessionStore {
  readonly #options: PostgresSessionOptions;

  constructor(options: PostgresSessionOptions) {
    this.#options = options;
  }

  /** @throws Error when the tables are those of another version, or of something else. */
  async open(): Promise<void> {
    if (isOurs(await this.#query(FIND))) return;
    const connection = await this.#options.pool.connect();
    let done = false;
    try {
      const ask = (text: string, values: unknown[] = []): Promise<PostgresAnswer> =>
        connection.query({ text, values, query_timeout: ANSWER_MS });
      await ask('begin');
      await ask(LOCK, [LAYOUT]);
      if (!isOurs((await ask(FIND)).rows)) await ask(CREATE);
      await ask('commit');
      done = true;
    } finally {
      connection.release(!done);
    }
  }

  async write({ begun, accepted, finished, acked, confirmed, ended }: SessionBatch): Promise<void> {
    const { owner, keptMs } = this.#options;
    if (begun.length > 0) {
      const columns = [begun.map(({ id }) => id), begun.map((row) => row.principal), begun.map((row) => row.tokenHash)];
      await this.#query(BEGIN, [...columns, owner, keptMs]);
    }
    const isIdle = accepted.length + finished.length + acked.length === 0;
    const pages = isIdle ? 0 : Math.max(1, Math.ceil(accepted.length / PAGE));
    for (let page = 0; page < pages; page += 1) {
      const rest = page === 0 ? { finished, acked } : { finished: [], acked: [] };
      const rows = accepted.slice(page * PAGE, (page + 1) * PAGE);
      await this.#query(WRITE, [owner, ...toColumns({ accepted: rows, ...rest })]);
    }
    if (confirmed.length > 0) await this.#query(CONFIRM, [confirmed, owner]);
    if (ended.length > 0) await this.#query(END, [ended, owner]);
  }

  async take({ id, principal, presentedHash, tokenHash }: TakeAsk): Promise<TakenSession | undefined> {
    const { owner, keptMs } = this.#options;
    const rows = await this.#query(TAKE, [id, principal, owner, presentedHash, tokenHash, keptMs]);
    const taken = Taken.parse(rows)[0];
    return taken === undefined ? undefined : { fence: taken.fence, wasOurs: taken.owner === owner };
  }

  async calls(id: string, fence: number, afterSeq: number): Promise<readonly KeptCall[] | undefined> {
    const rows = Kept.parse(await this.#query(CALLS, [id, this.#options.owner, fence, afterSeq]));
    if (rows.length === 0) return undefined;
    return rows.flatMap(({ call, left_ms: leftMs }) => (call === null || leftMs === null ? [] : [{ call, leftMs }]));
  }

  async lost(): Promise<readonly { readonly id: string; readonly fence: number }[]> {
    return Lost.parse(await this.#query(LOST, [this.#options.owner]));
  }

  async renew(): Promise<void> {
    const { owner, keptMs } = this.#options;
    await this.#query(RENEW, [owner, keptMs]);
    await this.#query(SWEEP);
  }

  async #query(text: string, values: unknown[] = []): Promise<readonly unknown[]> {
    const connection = await this.#options.pool.connect();
    let done = false;
    try {
      const { rows } = await connection.query({ text, values, query_timeout: ANSWER_MS });
      done = true;
      return rows;
    } finally {
      connection.release(!done);
    }
  }
}

function toColumns({ accepted, finished, acked }: Pick<SessionBatch, 'accepted' | 'finished' | 'acked'>): unknown[] {
  return [
    accepted.map(({ session }) => session),
    accepted.map(({ id }) => id),
    accepted.map(({ call }) => call),
    accepted.map(({ leftMs }) => leftMs),
    accepted.map(({ endSeq }) => endSeq ?? null),
    finished.map(({ session }) => session),
    finished.map(({ id }) => id),
    finished.map(({ seq }) => seq),
    acked.map(({ session }) => session),
    acked.map(({ seq }) => seq),
  ];
}

function isOurs(rows: readonly unknown[]): boolean {
  const [found] = Found.parse(rows);
  if (found === undefined) return false;
  if (found.layout === LAYOUT) return true;
  throw new Error(`exai.sessions is not the table of this version (${LAYOUT}), it is ${found.layout ?? 'another one'}`);
}
