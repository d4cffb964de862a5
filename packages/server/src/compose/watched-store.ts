import { fileStore, memoryStore, WorkflowError, type WorkflowStore } from '@exai/workflow';

import type { ServerConfig } from '../config/server-config.ts';

/** A store and whether its last write was kept. */
export interface WatchedStore {
  readonly store: WorkflowStore;
  /** Why nothing can be written, or nothing. */
  readonly failure: () => string | undefined;
}

/** Makes the store of the configuration and watches its writes, for readiness. */
export function createWatchedStore(config: ServerConfig): WatchedStore {
  const store = config.store === 'memory' ? memoryStore() : fileStore(config.dataDir);
  let failure: string | undefined;
  const watch = async <T>(write: Promise<T>): Promise<T> => {
    try {
      const done = await write;
      failure = undefined;
      return done;
    } catch (error) {
      if (WorkflowError.is(error) && error.code === 'STORE_FAILED')
        failure = 'the store of the journals cannot be written';
      throw error;
    }
  };
  return {
    store: {
      ...store,
      create: (header) => watch(store.create(header)),
      append: (id, expectedSeq, records, lease) => watch(store.append(id, expectedSeq, records, lease)),
    },
    failure: () => failure,
  };
}
