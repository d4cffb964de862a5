/** A server in a process of its own, for tests that kill it. Its simulated providers live in the test, so that they outlive it. */
import { createServer, loadConfig } from '@exai/server';

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
  server.close({ graceMs: 1500 }).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
await server.listen();
console.log(`listening on ${server.wsUrl}`);
