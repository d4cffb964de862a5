import { createPool, type OwnPool, type PostgresPool } from '@exai/workflow/postgres';

import { within } from '../calls/within.ts';

const CONNECTIONS = 10;
const ANSWER_MS = 10_000;
const END_MS = 500;

/** The connections of a server to its database, for journals and sessions. */
export interface ServerPool {
  readonly pool: PostgresPool;
  /** Waits half a second for connections that are in use. */
  readonly end: () => Promise<void>;
}

/** Makes a pool that connects, and loads the driver, when it is first used. */
export function createServerPool(url: string): ServerPool {
  const settings = { url, poolSize: CONNECTIONS, callTimeoutMs: ANSWER_MS, applicationName: 'exai-server' };
  let own: Promise<OwnPool> | undefined;
  return {
    pool: { connect: async () => (await (own ??= createPool(settings))).pool.connect() },
    end: () =>
      within(
        END_MS,
        Promise.resolve(own).then((made) => made?.end()),
      ),
  };
}
