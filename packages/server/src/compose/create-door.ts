import type { TieredSemaphore } from '@exai/semaphore';

import type { ServerConfig } from '../config/server-config.ts';
import { RunDoor } from '../door/run-door.ts';

/** The door of a server: places for runs by its configuration, estimates by the permits there are. */
export function createDoor(config: ServerConfig, semaphore: TieredSemaphore): RunDoor {
  const { maxRuns, maxQueued, glmMaxInFlight, kimiMaxInFlight, sessionMaxInFlight } = config;
  return new RunDoor({
    maxRuns: { glm: maxRuns ?? 2 * glmMaxInFlight, kimi: maxRuns ?? 2 * kimiMaxInFlight },
    maxWaiting: maxQueued,
    permits: (provider) => permitsOf(semaphore, provider),
    sessionPermits: sessionMaxInFlight,
  });
}

/** Model calls of a provider at once, as things are now. What calls no provider needs no permit. */
function permitsOf(semaphore: TieredSemaphore, provider: string): number {
  if (provider !== 'glm' && provider !== 'kimi') return Number.POSITIVE_INFINITY;
  return Math.min(semaphore.tier('provider', provider).limit, semaphore.tier('global').limit);
}
