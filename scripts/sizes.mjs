// Bundles what a browser would get of a package, as small as esbuild makes it, and compares its gzip size with a limit.
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

/** Kilobytes of 1000 bytes: `limit` fails the gate, so that nothing grows unseen; `goal` is what the size should be. */
const SIZES = [
  { name: '{ Semaphore }', code: `export { Semaphore } from '@exai/semaphore';`, limit: 14.3, goal: 6 },
  { name: '@exai/semaphore', code: `export * from '@exai/semaphore';`, limit: 17, goal: 14 },
  { name: '@exai/providers', code: `export * from '@exai/providers';`, limit: 40, goal: 40 },
  {
    name: '@exai/metrics, peers apart',
    code: `export * from '@exai/metrics';`,
    limit: 10.3,
    goal: 8,
    external: ['prom-client'],
  },
  { name: '@exai/server/client', code: `export * from '@exai/server/client';`, limit: 36, goal: 36 },
];

let tooLarge = 0;
for (const { name, code, limit, goal, external = [] } of SIZES) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@exai/source'],
    external: ['node:*', ...external],
    logLevel: 'error',
  });
  const kilobytes = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  const isOk = kilobytes <= limit;
  if (!isOk) tooLarge += 1;
  const remark = kilobytes > goal ? `, over the goal of ${goal}` : '';
  console.log(
    `${isOk ? 'ok      ' : 'TOO BIG '} ${name.padEnd(28)} ${kilobytes.toFixed(1).padStart(5)} KB of ${limit}${remark}`,
  );
}
process.exit(tooLarge > 0 ? 1 : 0);
