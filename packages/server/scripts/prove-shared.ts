/** Runs the server's suites with journals in a PostgreSQL and limits in a Redis of their own: `npm run proof:shared`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { hasPostgres, startPostgres } from '../../../test/services/start-postgres.ts';
import { hasRedis, startRedis } from '../../../test/services/start-redis.ts';
import { REDIS_DATABASES } from '../test/fresh-redis.ts';

if (!hasPostgres('the server suites on PostgreSQL') || !hasRedis('the server suites on Redis')) process.exit(1);
const postgres = await startPostgres();
const redis = await startRedis({ args: ['--databases', String(REDIS_DATABASES)] });
const args = ['vitest', 'run', '--project', 'unit', ...process.argv.slice(2)];
const suites = process.argv.length > 2 ? [] : ['packages/server/test'];
const run = spawn('npx', [...args, ...suites], {
  stdio: 'inherit',
  env: { ...process.env, TEST_POSTGRES_URL: postgres.url, TEST_REDIS_URL: redis.url },
});
const [code] = await once(run, 'exit');
await Promise.all([postgres.close(), redis.close()]);
process.exitCode = Number(code ?? 1);
