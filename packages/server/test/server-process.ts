/** A server in a process of its own, for tests that kill it. Its simulated providers live in the test, so that they outlive it. */
import { createServer, loadConfig } from '@exai/server';

const TICK_MS = 10;
const simulator = process.env['TEST_SIMULATOR'] ?? '';
const hangs = process.env['TEST_HUNG_HOOK'] === '1';
const config = loadConfig(process.env, {
  glmApiKey: 'test.key',
  kimiApiKey: 'test-key',
  glmBaseURL: `${simulator}/api/paas/v4`,
  kimiBaseURL: `${simulator}/v1`,
});
const server = await createServer(config, hangs ? { onDrain: () => new Promise(() => undefined) } : {});
process.on('SIGTERM', () => {
  // Time as this process lived it: on a machine that others use too the clock on the wall says nothing about the server.
  let ticks = 0;
  setInterval(() => (ticks += 1), TICK_MS);
  const end = (code: number) => () => {
    console.log(`closed after ${ticks * TICK_MS} ms`);
    process.exit(code);
  };
  server.close({ graceMs: 1500 }).then(end(0), end(1));
});
await server.listen();
console.log(`listening on ${server.wsUrl}`);
