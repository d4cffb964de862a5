import { defineConfig } from 'vitest/config';

/** Without `import`: vitest hands these to node as flags, and a `require` inside a CommonJS package must not find an ES module. */
const conditions = ['@exai/source', 'module', 'node', 'development|production'];

/** Suites that start processes of their own, wait most of the time and measure nothing: three at a time, after the unit tests. */
const processes = [
  'test/e2e/{packages,soak,loadtest-report}.test.ts',
  'packages/{semaphore,workflow,server}/test/e2e/**/*.test.ts',
  'packages/server/test/stdio/**/*.test.ts',
];
/** Suites that start whole servers and measure them: one at a time, after all others, so that they have the machine to themselves. */
const alone = ['test/e2e/**/*.test.ts', 'packages/*/test/e2e/**/*.test.ts'];

/** Real processes on a machine others use too; what needed its second try is named at the end of a CI run. */
const patient = { retry: 1, testTimeout: 60_000, hookTimeout: 60_000, execArgv: ['--expose-gc'] };

const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
};

export default defineConfig({
  ...shared,
  test: {
    pool: 'forks',
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'examples/**/*.test.ts', 'test/*.test.ts'],
          exclude: ['**/node_modules/**', ...alone, ...processes],
          typecheck: {
            enabled: true,
            include: ['packages/*/test/**/*.test-d.ts'],
            tsconfig: './tsconfig.types.json',
          },
          maxWorkers: 2,
          execArgv: ['--expose-gc'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...shared,
        test: {
          ...patient,
          name: 'processes',
          include: processes,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...shared,
        test: {
          ...patient,
          name: 'alone',
          include: alone,
          exclude: ['**/node_modules/**', ...processes],
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
