import { parseConfig } from '../config/load-config.ts';
import type { ServerConfigInput } from '../config/server-config.ts';

import { ComposedServer } from './composed-server.ts';
import { createSemaphore } from './create-semaphore.ts';
import type { ExaiServer, ServerExtras } from './exai-server.ts';
import { createModelSource } from './model-source.ts';

/**
 * Composes the reference server: semaphore, providers (simulated where no key is set), engine, metrics and transports.
 * It does not listen yet.
 *
 * @throws ConfigError for a bad value or an impossible combination.
 */
export async function createServer(input: ServerConfigInput = {}, extras: ServerExtras = {}): Promise<ExaiServer> {
  const config = parseConfig(input);
  const permits = await createSemaphore(config);
  const models = await createModelSource(config, permits.semaphore);
  return new ComposedServer(config, extras, permits, models);
}
