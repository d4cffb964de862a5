import { defineConfig } from 'vitest/config';

const conditions = ['@exai/source', 'module', 'node', 'development|production'];
const leaves = ['semaphore', 'providers', 'workflow', 'metrics'];

/** Which branches of the four leaves their unit tests reach: `npm run coverage`. What a child process runs is not seen. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--expose-gc'],
    retry: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    include: leaves.map((name) => `packages/${name}/test/**/*.test.ts`),
    exclude: ['**/node_modules/**', '**/e2e/**'],
    coverage: {
      provider: 'v8',
      reportOnFailure: true,
      include: leaves.map((name) => `packages/${name}/src/**/*.ts`),
      reporter: ['text-summary', 'json-summary'],
      reportsDirectory: 'coverage',
      thresholds: Object.fromEntries(leaves.map((name) => [`packages/${name}/src/**`, { branches: 90 }])),
    },
  },
});
