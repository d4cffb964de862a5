/** The server under measurement, in a process of its own: `node … bench-server.ts '{"config":{…}}'`. Talks to its parent by IPC. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { createServer, type Tool } from '@exai/server';
import { z } from 'zod';

/** A call that does no work. */
const noop: Tool = {
  name: 'noop',
  description: 'does nothing',
  kind: 'chat',
  input: z.looseObject({}),
  providerOf: () => 'glm',
  run: () => Promise.resolve({ text: 'done' }),
};

const config = JSON.parse(process.argv[2] ?? '{}');
const server = await createServer(
  { port: 0, store: 'memory', audit: false, resultTtlMs: 2000, ...config },
  { tools: [noop] },
);
await server.listen();
const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();

process.on('message', (ask: string) => {
  if (ask === 'gc') for (let n = 0; n < 4; n += 1) globalThis.gc?.();
  if (ask === 'lag-reset') lag.reset();
  process.send?.({
    cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
    heapBytes: process.memoryUsage().heapUsed,
    lagP99Ms: Math.max(0, lag.percentile(99) / 1e6 - 10),
    kept: server.stats().kept,
    simulator: server.models.simulator?.url,
  });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: server.wsUrl });
