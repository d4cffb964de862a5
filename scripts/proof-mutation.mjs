// Breaks the core of the semaphore and the stopping rules of the workflow engine, one sign at a time, and counts how often the tests notice.
// The sites are drawn by a seed taken from the commit. It works in a clone of the committed tree, never in this one.
// `npm run proof:mutation -- --sites 20 --seed 7` draws fewer, or others.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { sitesOf } from './mutation-sites.mjs';

const MUST_BE_KILLED = 0.95;
const { values } = parseArgs({ options: { sites: { type: 'string', default: '60' }, seed: { type: 'string' } } });
const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
const seed = Number(values.seed ?? parseInt(commit.slice(0, 8), 16));

const home = mkdtempSync(join(tmpdir(), 'exai-mutation-'));
const tree = join(home, 'tree');
process.on('exit', () => rmSync(home, { recursive: true, force: true }));
execFileSync('git', ['clone', '--quiet', '--no-hardlinks', process.cwd(), tree]);
execFileSync(process.execPath, ['scripts/bootstrap.mjs'], { cwd: tree, stdio: 'inherit' });
writeFileSync(join(tree, 'vitest.mutation.ts'), configuration());

const suites = [
  {
    // The quick ones first: most mutants end there.
    tests: [
      'packages/semaphore/test/{semaphore,tiered-semaphore,adaptive-limit,codel,deadlock-watch,fair-queue,capacity-tier,tier-registry,tier-counts,holders,sweeps}.test.ts',
      'packages/semaphore/test/{recovery,conformance,compat,field-bugs,bad-arguments,leak-scenes}.test.ts',
      'packages/semaphore/test/{tier-worlds,leak-fuzz}.test.ts',
    ],
    files: sourcesOf('packages/semaphore/src'),
  },
  {
    tests: [
      'packages/workflow/test/{decide,limit-boundaries,no-progress,loops,completion,limits,bad-definitions}.test.ts',
      'packages/workflow/test/{engine,caller-driven,calibration}.test.ts',
    ],
    files: ['decide', 'detect-no-progress', 'coverage', 'limits'].map((name) => `packages/workflow/src/${name}.ts`),
  },
];
const all = suites.flatMap(({ tests, files }) =>
  files.flatMap((file) => sitesOf(join(tree, file)).map((site) => ({ ...site, file, tests }))),
);
const drawn = draw(all, Number(values.sites), seed);
console.log(`commit ${commit.slice(0, 12)}, seed ${seed}: ${drawn.length} of ${all.length} sites`);
/** How long the unchanged tests take: a mutant that takes far longer hangs. */
const baselineMs = new Map();
for (const stage of suites.flatMap(({ tests }) => tests)) {
  const started = Date.now();
  if (!(await passes(stage, 'inherit'))) fail(`${stage} fails without any change`);
  baselineMs.set(stage, Date.now() - started);
}

const survivors = [];
for (const [index, site] of drawn.entries()) {
  const before = readFileSync(site.path, 'utf8');
  writeFileSync(site.path, before.slice(0, site.start) + site.text + before.slice(site.end));
  let isKilled = false;
  for (const stage of site.tests) isKilled ||= !(await passes(stage));
  writeFileSync(site.path, before);
  if (!isKilled) survivors.push(site);
  const from = before.slice(site.start, site.end).replaceAll(/\s+/g, ' ');
  console.log(
    `${String(index + 1).padStart(3)} ${isKilled ? 'killed  ' : 'SURVIVED'} ${site.file}:${site.line} ${from} -> ${site.text}`,
  );
}
const killed = drawn.length - survivors.length;
console.log(`mutation: ${killed} of ${drawn.length} killed (${((100 * killed) / drawn.length).toFixed(1)} %)`);
process.exit(killed / drawn.length >= MUST_BE_KILLED ? 0 : 1);

function sourcesOf(folder) {
  const names = readdirSync(join(tree, folder)).filter((name) => name.endsWith('.ts') && name !== 'index.ts');
  return names.toSorted().map((name) => `${folder}/${name}`);
}

/** True if the tests pass; those that hang have noticed as well. A mutant that spins ends with all its workers. */
async function passes(stage, stdio = 'ignore') {
  const vitest = spawn('node_modules/.bin/vitest', ['run', '--config', 'vitest.mutation.ts', '--bail', '1'], {
    cwd: tree,
    stdio,
    env: { ...process.env, EXAI_MUTATION_TESTS: stage },
    detached: true,
  });
  const limit = setTimeout(() => vitest.kill('SIGKILL'), 10_000 + 4 * (baselineMs.get(stage) ?? 300_000));
  const [code] = await once(vitest, 'exit');
  clearTimeout(limit);
  try {
    process.kill(-vitest.pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
  return code === 0;
}

/** The unit tests alone: no types, no second try. */
function configuration() {
  return `import { defineConfig } from 'vitest/config';
const conditions = ['@exai/source', 'module', 'node', 'development|production'];
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'forks', maxWorkers: 2, execArgv: ['--expose-gc'], retry: 1, testTimeout: 120_000, hookTimeout: 120_000,
    include: [process.env.EXAI_MUTATION_TESTS], exclude: ['**/node_modules/**', '**/e2e/**', '**/redis/**', '**/postgres/**', '**/dbos/**'],
  },
});
`;
}

/** A sample without replacement by a small generator (mulberry32): the same seed draws the same sites of the same tree. */
function draw(items, count, seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const left = [...items];
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(Math.floor(random() * left.length), 1)[0],
  );
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
