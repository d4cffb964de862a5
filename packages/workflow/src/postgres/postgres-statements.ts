/** The statements of a store, each a transaction of its own. */
export interface Statements {
  readonly create: string;
  readonly header: string;
  readonly journal: string;
  readonly append: string;
  readonly read: string;
  readonly acquire: string;
  readonly renew: string;
  readonly release: string;
  readonly expiredRuns: string;
  readonly leaseStates: string;
  readonly list: string;
  readonly prune: string;
}

const GRANTED = `epoch, (extract(epoch from lease_expires_at) * 1000)::float8 as expires_at`;
const ENDS = (parameter: string): string => `clock_timestamp() + ${parameter}::float8 * interval '1 millisecond'`;

/** Statements for the tables of a schema; its name must have been checked. */
export function toStatements(schema: string): Statements {
  const journals = `${schema}.journals`;
  const records = `${schema}.records`;
  return {
    create: `insert into ${journals} (id, kind, workflow, owner, conversation_id, header, last_at)
      values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing`,
    header: `select header from ${journals} where id = $1`,
    journal: `select last_seq, epoch, lease_owner from ${journals} where id = $1`,
    // The row of the journal is the lock: whoever moves it on under the newest epoch writes the records.
    append: `with journal as (
        update ${journals} set last_seq = last_seq + cardinality($4::text[]), last_at = $5, last_type = $6
        where id = $1 and last_seq = $2 and epoch = $3 and lease_owner is not null
        returning id
      )
      insert into ${records} (journal_id, seq, body)
      select journal.id, $2::integer + added.place, added.body
      from journal, unnest($4::text[]) with ordinality as added (body, place)`,
    read: `select record.seq, record.body from ${journals} as journal
      left join ${records} as record on record.journal_id = journal.id and record.seq between $2 and $3
      where journal.id = $1 order by record.seq limit $4`,
    acquire: `update ${journals} set epoch = epoch + 1, lease_owner = $2, lease_expires_at = ${ENDS('$3')}
      where id = $1 and (lease_owner is null or lease_owner = $2 or lease_expires_at <= clock_timestamp())
      returning ${GRANTED}`,
    renew: `update ${journals} set lease_expires_at = ${ENDS('$3')}
      where id = $1 and epoch = $2 and lease_owner is not null returning ${GRANTED}`,
    release: `update ${journals} set lease_owner = null, lease_expires_at = null where id = $1 and epoch = $2`,
    expiredRuns: `select id from ${journals}
      where lease_owner is not null and lease_expires_at <= clock_timestamp()
        and kind = 'run' and last_type not in ('run.finished', 'run.suspended')
      order by lease_expires_at limit $1`,
    leaseStates: `select id, last_type as "lastType", case when lease_owner is null then 'free'
      when lease_expires_at > clock_timestamp() then 'held' else 'expired' end as state
      from ${journals} where id = any ($1)`,
    list: `select header, last_seq, last_at, last_type from ${journals}
      where ($1::text is null or kind = $1) and ($2::text is null or workflow = $2)
        and ($3::text is null or owner = $3) and ($4::text is null or conversation_id = $4)
      order by last_at desc, id limit $5`,
    prune: `delete from ${journals} where id in (
        select id from ${journals}
        where last_at < $1 and ($2::text is null or kind = $2)
          and (lease_owner is null or lease_expires_at <= clock_timestamp())
          and (kind <> 'run' or last_type = 'run.finished' or $3)
        limit $4 for update skip locked)`,
  };
}
