import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { REPORT_SCHEMA, SCENARIO_SCHEMA } from '../src/index.ts';
import { VERSION } from '../src/version.ts';

const root = new URL('..', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const manifest = JSON.parse(read('package.json')) as { version: string; dependencies: Record<string, string> };

/** The packages that a package needs, as they lie in this workspace: folder to name. */
function collectDependencies(folder: string, found: Map<string, string>): void {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    const own = folderOf(name, folder);
    if (found.has(own)) continue;
    found.set(own, name);
    collectDependencies(own, found);
  }
}

/** The folder of a package as `from` sees it: the nearest `node_modules` that has it. */
function folderOf(name: string, from: string): string {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate);
  }
  throw new Error(`${name} is not installed for ${from}`);
}

describe('what is published', () => {
  test('the schemas in the files are those of the code', () => {
    expect(JSON.parse(read('schema/scenario.schema.json'))).toEqual(JSON.parse(JSON.stringify(SCENARIO_SCHEMA)));
    expect(JSON.parse(read('schema/report.schema.json'))).toEqual(JSON.parse(JSON.stringify(REPORT_SCHEMA)));
  });

  test('the version in reports is that of the package', () => {
    expect(VERSION).toBe(manifest.version);
  });

  test('at most six direct dependencies, and none of ours', () => {
    const names = Object.keys(manifest.dependencies);
    expect(names).toEqual(['cli-progress', 'commander', 'undici', 'ws']);
  });

  test('at most fourteen packages are installed with it, all dependencies of dependencies included', () => {
    const found = new Map<string, string>();
    collectDependencies(realpathSync(root), found);
    expect([...found.values()].sort()).toContain('ws');
    expect(found.size + 1).toBeLessThanOrEqual(14);
    expect(found.size).toBeGreaterThanOrEqual(Object.keys(manifest.dependencies).length);
  });

  test('the source takes one constant of the protocol, so no declaration can name the server', () => {
    const files = readdirSync(new URL('src', root), { recursive: true })
      .map(String)
      .filter((file) => file.endsWith('.ts'));
    const imports = files.flatMap((file) => read(`src/${file}`).match(/import [^;]*from '@exai\/[^']*'/g) ?? []);
    expect([...new Set(imports)]).toEqual(["import { PROTOCOL } from '@exai/server/protocol'"]);
  });

  test('the built package imports neither the server nor zod, and runs', () => {
    const out = mkdtempSync(join(tmpdir(), 'exai-loadtest-build-'));
    try {
      const tsup = new URL('../../node_modules/.bin/tsup', root).pathname;
      execFileSync(tsup, ['--no-dts', '--silent', '--out-dir', out], { cwd: root, stdio: 'pipe' });
      const code = readdirSync(out)
        .filter((file) => file.endsWith('.js'))
        .map((file) => readFileSync(join(out, file), 'utf8'))
        .join('\n');
      const imported = [...code.matchAll(/(?:\bfrom|import\(|\brequire\w*\()\s*["']([@a-z][\w@/:.-]*)["']/g)].map(
        (match) => match[1] ?? '',
      );
      const packages = imported.filter(
        (name) => !name.startsWith('node:') && !/^(crypto|fs|http|module|net|os|path)$/.test(name),
      );
      expect([...new Set(packages)].sort()).toEqual([
        '@modelcontextprotocol/client',
        'cli-progress',
        'commander',
        'undici',
        'ws',
      ]);
      expect(code).toContain('exai.v1');
      symlinkSync(new URL('node_modules', root).pathname, join(out, 'node_modules'));
      symlinkSync(new URL('package.json', root).pathname, join(out, 'package.json'));
      expect(execFileSync(process.execPath, [join(out, 'bin.js'), '--version'], { encoding: 'utf8' })).toBe(
        `${VERSION}\n`,
      );
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  }, 60_000);
});
