import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { type Ended, Stranger, entries, manifests, node } from './stranger.ts';
import { freePort } from '../services/free-port.ts';

const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');
const { devDependencies } = JSON.parse(read(new URL('../../package.json', import.meta.url).pathname));
const stranger = new Stranger();

beforeAll(async () => {
  const { typescript, '@types/node': nodeTypes } = devDependencies;
  await stranger.install([`typescript@${typescript}`, `@types/node@${nodeTypes}`]);
}, 900_000);

afterEach(() => stranger.stop());
afterAll(() => rmSync(stranger.home, { recursive: true, force: true }));

/** What each README's first example prints. */
const SHOWN: Record<string, RegExp> = {
  '@exai/semaphore': /^1 of 2 GLM permits left\n$/,
  '@exai/providers': /totalTokens: \d+/,
  '@exai/workflow': /verify\n[\s\S]*kind: 'no_progress'/,
  '@exai/metrics': /mcp_semaphore_capacity\{semaphore_type="global",provider="none"\} 5/,
  '@exai/server': /simulated model/,
  '@exai/loadtest': /status: '\w+'[\s\S]*ok: [1-9]/,
};

/** Imports a module and tells what that did to the process beside giving names. */
const QUIET_IMPORT = `
const { stdin, stdout, stderr } = process;
const state = () => ({
  resources: process.getActiveResourcesInfo(),
  listeners: process.eventNames().flatMap((name) => process.listeners(name).map(() => String(name))),
  globals: Object.getOwnPropertyNames(globalThis).filter((name) => !name.startsWith('__zod_')),
});
const before = state();
const all = await import(process.argv[2]);
await new Promise((resolve) => setImmediate(resolve));
for (const [kind, names] of Object.entries(state())) {
  for (const name of before[kind]) if (names.includes(name)) names.splice(names.indexOf(name), 1);
  if (names.length > 0) stderr.write(kind + ': ' + names.join() + '\\n');
}
stdout.write(JSON.stringify(Object.keys(all).sort()));
`;

const REQUIRE = `console.log(JSON.stringify(Object.keys(require(process.argv[2])).sort()));`;

const COMPILER_OPTIONS = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable', 'dom'],
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  types: ['node'],
  outDir: 'out',
};

describe('the six packages, packed and installed in one command', () => {
  it('come from the tarballs and depend on nothing of this workspace', async () => {
    const { stdout } = await stranger.run('npm', ['ls', '--all', '--json']);
    const tree: { problems?: string[]; dependencies: Record<string, { resolved: string }> } = JSON.parse(stdout);
    expect(tree.problems ?? []).toEqual([]);
    for (const { name } of manifests) {
      expect(tree.dependencies[name]?.resolved, name).toMatch(/^file:.*\.tgz$/);
      expect(read(stranger.path('node_modules', name, 'package.json'))).not.toContain('"workspace:');
    }
  });

  it.each(entries)('an import of $specifier opens, starts and writes nothing', async ({ specifier, peers }) => {
    const folder = stranger.folder('import', { 'import.mjs': QUIET_IMPORT, 'require.cjs': REQUIRE });
    const imported = await stranger.run(node, ['import.mjs', specifier], folder);
    if (imported.code !== 0) {
      expect(peers, imported.stderr).toContain(missingPackage(imported));
      return;
    }
    expect(imported.stderr, 'left behind').toBe('');
    expect(readdirSync(folder).toSorted()).toEqual(['import.mjs', 'require.cjs']);

    const required = await stranger.run(node, ['require.cjs', specifier], folder);
    expect(required).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(required.stdout).filter((name: string) => name !== '__esModule')).toEqual(
      JSON.parse(imported.stdout),
    );
  });

  it("compiles and runs the first example of each package's README", async () => {
    const port = await freePort();
    const url = await stranger.start('exai-loadtest', ['stub', '--port', `${port}`, '--time-scale', '0.01'], /ws:\S+/);
    const examples = manifests.map(({ name }) => {
      const example = /```ts\n([\s\S]*?)```/.exec(read(stranger.path('node_modules', name, 'README.md')))?.[1] ?? '';
      const quick = example
        .replace('ws://127.0.0.1:8079/ws', url)
        .replace('20_000', '2_000')
        .replace('{ port: 0 }', '{ port: 0, simTimeScale: 0.01 }');
      return [`${name.slice('@exai/'.length)}.mts`, quick] as const;
    });
    const folder = stranger.folder('typescript', {
      ...Object.fromEntries(examples),
      'all.mts': entries.filter(isComplete).map(importOf).join('\n'),
      'tsconfig.json': JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['*.mts'] }),
    });
    expect(await stranger.run('tsc', ['-p', '.'], folder)).toMatchObject({ stdout: '', code: 0 });

    const runs = manifests.map(async ({ name }) => {
      const ended = await stranger.run(node, [`out/${name.slice('@exai/'.length)}.mjs`], folder);
      expect({ name, ...ended }).toMatchObject({ name, code: 0, stderr: '' });
      expect(ended.stdout, name).toMatch(SHOWN[name] ?? /\S/);
    });
    await Promise.all(runs);
  }, 400_000);

  it.each(['@exai/semaphore', '@exai/providers', '@exai/server/client', '@exai/server/protocol'])(
    '%s is bundled for a browser by Vite, and loads where there is no process',
    async (specifier) => {
      const folder = stranger.folder('browser', {
        'page.js': `export * from '${specifier}';`,
        'load.mjs': `delete globalThis.process; console.log(Object.keys(await import('./dist/bundle.mjs')).length);`,
      });
      const { build } = await import('vite');
      const lib = { entry: join(folder, 'page.js'), formats: ['es' as const], fileName: () => 'bundle.mjs' };
      await build({ root: folder, configFile: false, logLevel: 'silent', build: { lib, minify: false } });
      expect(read(folder, 'dist', 'bundle.mjs')).not.toMatch(/from ?["'](node:|fs|net|http)|__vite-browser-external/);
      const loaded = await stranger.run(node, ['load.mjs'], folder);
      expect(loaded).toMatchObject({ code: 0, stderr: '' });
      expect(Number(loaded.stdout)).toBeGreaterThan(0);
    },
  );

  it('bring a simulator that answers a chat', async () => {
    const words = ['--port', '0', '--time-scale', '0.001'];
    const url = await stranger.start('exai-simulator', words, /http:\/\/127\.0\.0\.1:\d+/);
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer any', 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'kimi-k2.6', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    expect(await response.json()).toMatchObject({ choices: [{ message: { role: 'assistant' } }] });
  });

  it('bring a server, and a load tester that finds nothing wrong with it', async () => {
    const data = stranger.folder('data', {});
    const settings = { EXAI_SIM_TIME_SCALE: '0.01', EXAI_DATA_DIR: data };
    const url = await stranger.start('exai-server', ['serve', '--port', '0'], /ws:\/\/127\.0\.0\.1:\d+\/ws/, settings);
    const words = ['run', 'baseline', '--url', url, '--time-scale', '0.01', '--duration', '3s', '--out', data];
    const load = await stranger.run('exai-loadtest', [...words, '--max-stall', '10s']);
    // 8: so short a run cannot decide every threshold; 4: this machine was too busy to tell.
    expect([0, 4, 8], load.stdout + load.stderr).toContain(load.code);
    const report = JSON.parse(read(data, readdirSync(data).find((file) => /^\D.*\.json$/.test(file)) ?? ''));
    expect(report.totals.calls).toBeGreaterThan(3);
    expect(report.totals).toMatchObject({ lost: 0, outcomes: { ok: report.totals.calls } });
  });

  it.each([
    ['exai-server', /serve[\s\S]*stdio/],
    ['exai-loadtest', /run[\s\S]*compare/],
    ['exai-simulator', /--time-scale/],
  ])('bring %s, whose --help tells what it can do', async (bin, expected) => {
    const { code, stdout } = await stranger.run(bin, ['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(expected);
  });
});

function missingPackage({ stderr }: Ended): string | undefined {
  return /Cannot find package '([^']+)'/.exec(stderr)?.[1];
}

/** False for an entry whose types name an optional peer, which a stranger has not installed. */
function isComplete({ specifier, types, peers }: (typeof entries)[number]): boolean {
  const [scope = '', name = ''] = specifier.split('/');
  const text = read(stranger.path('node_modules', scope, name, types));
  return !peers.some((peer) => text.includes(`'${peer}'`));
}

function importOf({ specifier }: { readonly specifier: string }, index: number): string {
  return `import * as entry${index} from '${specifier}';\nconsole.log(entry${index});`;
}
