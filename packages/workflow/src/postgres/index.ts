export { createPool } from './postgres-pool.ts';
export { postgresStore } from './postgres-store.ts';

export type { LeaseState, PostgresStore, PostgresStoreOptions } from './postgres-store.ts';
export type {
  OwnPool,
  PoolSettings,
  PostgresAnswer,
  PostgresConnection,
  PostgresPool,
  PostgresQuery,
} from './postgres-pool.ts';
