import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { fileStore, memoryStore, WorkflowError, type WorkflowStore } from '@exai/workflow';
import { type PostgresPool, postgresStore, type PostgresStore } from '@exai/workflow/postgres';

import type { ServerConfig } from '../config/server-config.ts';

/** A store and whether it does what it is asked to. */
export interface WatchedStore {
  readonly store: WorkflowStore;
  /** Connects to a database, and finds out whether it can be used. Rejects when it cannot. */
  readonly open: () => Promise<void>;
  /** Runs of a shared store whose process is gone; absent for a store of one process. */
  readonly expiredRuns: ((limit: number) => Promise<readonly string[]>) | undefined;
  /**
   * Why nothing can be written, or nothing. While it has failed, asking also tries again: a server that is not ready gets no calls, so
   * no call could show that the store is well again.
   */
  readonly failure: () => string | undefined;
}

/** A store of the configuration before it is watched. */
interface BareStore {
  readonly store: WorkflowStore;
  readonly open: () => Promise<void>;
  readonly expiredRuns?: PostgresStore['expiredRuns'];
  readonly isWell: () => Promise<boolean>;
}

/** Makes the store of the configuration, in PostgreSQL where there is a pool, and watches what comes of it, for readiness; `onChange` is told when that changes. */
export function createWatchedStore(
  config: ServerConfig,
  pool: PostgresPool | undefined,
  onChange: (failure: string | undefined) => void = () => undefined,
): WatchedStore {
  const { store, open: openStore, expiredRuns, isWell } = pool === undefined ? toOwnStore(config) : toPostgres(pool);
  let failure: string | undefined;
  let trying = false;
  const turn = (now: string | undefined): void => {
    if (now === failure) return;
    failure = now;
    onChange(now);
  };
  const tryAgain = async (): Promise<void> => {
    if (trying) return;
    trying = true;
    if (await isWell()) turn(undefined);
    trying = false;
  };
  const watch = async <T>(work: Promise<T>, heals = true): Promise<T> => {
    try {
      const done = await work;
      if (heals) turn(undefined);
      return done;
    } catch (error) {
      if (WorkflowError.is(error) && error.code === 'STORE_FAILED') turn('the store of the journals cannot be written');
      throw error;
    }
  };
  return {
    store: {
      ...store,
      create: (header) => watch(store.create(header)),
      append: (id, expectedSeq, records, lease) => watch(store.append(id, expectedSeq, records, lease)),
      // A lease of a store of one process is in memory: to have it says nothing about the disk.
      acquire: (id, owner, ttlMs) => watch(store.acquire(id, owner, ttlMs), expiredRuns !== undefined),
    },
    open: openStore,
    expiredRuns: expiredRuns === undefined ? undefined : (limit) => watch(expiredRuns(limit)),
    failure: () => {
      if (failure !== undefined) void tryAgain();
      return failure;
    },
  };
}

function toOwnStore({ store, dataDir }: ServerConfig): BareStore {
  const open = (): Promise<void> => Promise.resolve();
  if (store === 'memory') return { store: memoryStore(), open, isWell: () => Promise.resolve(true) };
  return { store: fileStore(dataDir), open, isWell: () => canWrite(join(dataDir, 'journals')) };
}

function toPostgres(pool: PostgresPool): BareStore {
  const store = postgresStore({ pool });
  return {
    store,
    open: () => store.open(),
    expiredRuns: (limit) => store.expiredRuns(limit),
    isWell: () =>
      store.ping().then(
        () => true,
        () => false,
      ),
  };
}

/** Whether a file can be made in a folder for good; it is removed again. */
async function canWrite(folder: string): Promise<boolean> {
  const path = join(folder, '.probe');
  try {
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile('probe');
      await file.sync();
    } finally {
      await file.close();
    }
    await rm(path);
    return true;
  } catch {
    return false;
  }
}
