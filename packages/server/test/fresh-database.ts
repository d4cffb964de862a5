import { randomBytes } from 'node:crypto';

import { Client } from 'pg';

import type { ServerConfigInput } from '../src/config/server-config.ts';

/** Journals in a new database of the PostgreSQL at `TEST_POSTGRES_URL`; nothing where that is not set. */
export async function freshDatabase(): Promise<ServerConfigInput> {
  const url = process.env['TEST_POSTGRES_URL'];
  if (url === undefined) return {};
  const name = `test_${randomBytes(8).toString('hex')}`;
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const database = new URL(url);
  database.pathname = name;
  return { store: 'file', postgresUrl: database.href };
}
