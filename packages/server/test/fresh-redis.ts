import { randomInt } from 'node:crypto';

import type { ServerConfigInput } from '../src/config/server-config.ts';

/** How many databases the Redis of the suites has: so many servers can have an account of their own. */
export const REDIS_DATABASES = 100_000;

/** Shared limits in an unused database of the Redis at `TEST_REDIS_URL`; nothing where that is not set. */
export function freshRedis(): ServerConfigInput {
  const url = process.env['TEST_REDIS_URL'];
  return url === undefined ? {} : { redisUrl: `${url}/${randomInt(1, REDIS_DATABASES)}` };
}
