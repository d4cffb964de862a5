export { postgresStore } from './postgres-store.ts';

export type { LeaseState, PostgresStore, PostgresStoreOptions } from './postgres-store.ts';
export type { PostgresAnswer, PostgresConnection, PostgresPool, PostgresQuery } from './postgres-pool.ts';
