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

const STEPS = 12;

/** A run of twelve model calls, one after the other, each behind its own permit. */
const twelve: Tool = {
  name: 'twelve',
  description: 'twelve steps',
  kind: 'workflow',
  input: z.looseObject({ provider: z.enum(['glm', 'kimi']).default('glm'), stepMs: z.number().default(20) }),
  providerOf: (args) => (args as { provider: string }).provider,
  run: async ({ arguments: args, session, signal, deadlineAt, emit }) => {
    const { provider, stepMs } = args as { provider: string; stepMs: number };
    const startedAt = performance.now();
    const model = server.models.model({ tool: 'twelve', role: 'agent', provider });
    for (let step = 1; step <= STEPS; step += 1) {
      const request = {
        messages: [{ role: 'user' as const, content: 'next' }],
        extra: { simulate: { serviceMs: stepMs } },
      };
      const stream = model.stream(request, { session, signal, deadlineAt });
      for await (const event of stream) if (event.type === 'granted') emit({ type: 'waited', ms: event.waitedMs ?? 0 });
      await stream.final();
    }
    const structured = { ranMs: performance.now() - startedAt };
    return { text: 'done', structured, stop: { kind: 'complete', verified: false } };
  },
};

const config = JSON.parse(process.argv[2] ?? '{}');
const server = await createServer(
  { port: 0, store: 'memory', audit: false, resultTtlMs: 60_000, ...config },
  { tools: [noop, twelve] },
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
