import { createHash } from 'node:crypto';
import { once } from 'node:events';

import { type SharedHealth, TieredSemaphore, type TieredOptions } from '@exai/semaphore';
import { createRedisSemaphore, fromRedis } from '@exai/semaphore/redis';
import { createClient } from '@redis/client';

import { ConfigError } from '../config/config-error.ts';
import type { ServerConfig } from '../config/server-config.ts';

const OVERDUE_MS = 600_000;
const QUARANTINE_MS = 60_000;
const CONNECT_MS = 5000;
/** The account of servers without a key. */
const SIMULATED = 'simulated';

/** The permits of a server, and what ends with them. */
export interface ServerPermits {
  readonly semaphore: TieredSemaphore;
  /** What is known now of limits that are shared with other servers; absent for limits of its own. */
  readonly shared?: () => SharedHealth;
  /** Closes the semaphore, and the connection it had of its own. */
  readonly close: () => Promise<void>;
}

/**
 * The permits of a server: its own, or through Redis those of its account. What is simulated in scaled time is also overdue and
 * settled in scaled time.
 *
 * @throws ConfigError when the Redis of the configuration cannot be used.
 */
export async function createSemaphore(config: ServerConfig): Promise<ServerPermits> {
  const isSimulated = config.glmApiKey === undefined && config.kimiApiKey === undefined;
  const scale = isSimulated ? config.simTimeScale : 1;
  const options: TieredOptions = {
    global: config.globalMaxInFlight,
    session: config.sessionMaxInFlight,
    providers: { glm: config.glmMaxInFlight, kimi: config.kimiMaxInFlight },
    adaptive: config.adaptiveLimits,
    healthCheckMs: config.healthCheckMs,
    leak: { level: 'standard', forceGc: true },
    overdueMs: OVERDUE_MS * scale,
    quarantineMs: QUARANTINE_MS * scale,
  };
  if (config.redisUrl !== undefined) return share(config.redisUrl, config, options);
  const semaphore = new TieredSemaphore(options);
  return { semaphore, close: () => semaphore.close() };
}

async function share(url: string, config: ServerConfig, options: TieredOptions): Promise<ServerPermits> {
  // Without `disableOfflineQueue` a call made while Redis is away would wait for it instead of failing.
  const client = createClient({ url, disableOfflineQueue: true, socket: { connectTimeout: CONNECT_MS } });
  const redis = fromRedis(client);
  try {
    // Once: by itself the client would try for ever.
    await Promise.race([client.connect(), once(client, 'error').then(([error]) => Promise.reject(error))]);
    const account = accountOf(config);
    // Nobody is hurt when simulated calls overlap, so they need not wait until every lease that was lost has ended.
    const semaphore = await createRedisSemaphore({ ...options, redis, account, assumeFresh: account === SIMULATED });
    return {
      semaphore,
      shared: () => semaphore.shared,
      close: async () => {
        await semaphore.close();
        client.destroy();
      },
    };
  } catch (error) {
    if (client.isOpen) client.destroy();
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError('EXAI_REDIS_URL', `must name a Redis that can be used (${why})`, '(hidden)');
  }
}

/** Who has the same keys shares the limits; the keys themselves are not to be read from the name. */
function accountOf({ glmApiKey, kimiApiKey }: ServerConfig): string {
  if (glmApiKey === undefined && kimiApiKey === undefined) return SIMULATED;
  const hash = createHash('sha256').update(JSON.stringify([glmApiKey ?? '', kimiApiKey ?? '']));
  return hash.digest('hex').slice(0, 16);
}
