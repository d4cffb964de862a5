import { createMetrics, type Metrics } from '@exai/metrics';

import { VERSION } from '../version.ts';

import type { ExaiServer } from './exai-server.ts';

/** The metrics of a server: everything it is made of is observed. */
export function createServerMetrics(
  server: Pick<ExaiServer, 'semaphore' | 'engine' | 'service' | 'models' | 'stats' | 'on'>,
): Metrics {
  const metrics = createMetrics({ version: VERSION, tools: [...server.service.tools.keys()] });
  metrics.observeSemaphore(server.semaphore);
  metrics.observeEngine(server.engine);
  metrics.observeServer(server);
  for (const provider of Object.values(server.models.providers)) {
    metrics.observeProvider(provider, { provider: provider.id });
  }
  return metrics;
}
