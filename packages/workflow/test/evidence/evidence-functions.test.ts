import { execFileSync } from 'node:child_process';
import { mkdir, readFile as readRaw, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checkCitation, parseCitation } from '../../src/evidence/check-citation.ts';
import { gitDiff } from '../../src/evidence/git-diff.ts';
import { listFiles } from '../../src/evidence/list-files.ts';
import type { Observation } from '../../src/evidence/observation.ts';
import { readFile } from '../../src/evidence/read-file.ts';
import { openRoots } from '../../src/evidence/roots.ts';
import type { Roots } from '../../src/evidence/roots.ts';
import { searchText } from '../../src/evidence/search-text.ts';
import { sandbox } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';

const sources = (seen: Observation): string[] => seen.evidence.map((item) => item.source);

let box: Sandbox;
let roots: Roots;
beforeEach(async () => {
  box = await sandbox({
    'src/a.js': 'const a = 1;\n\nexport { a };\n',
    'src/b.js': 'let TOTAL = 2;\n',
    '.env': 'TOKEN=total\n',
  });
  roots = openRoots([box.root]);
});
afterEach(() => box.remove());

describe('listFiles', () => {
  it('names files with their size, folders after files, and counts what it left out', async () => {
    await box.write('node_modules/x/index.js', 'x');
    await symlink('/etc', join(box.root, 'etc'));
    const seen = await listFiles(roots, {});
    expect(seen.text).toBe(
      [
        '2 files',
        'src/a.js (28 bytes)',
        'src/b.js (15 bytes)',
        '(1 left out: may hold credentials)',
        '(1 symbolic links not followed)',
      ].join('\n'),
    );
    expect(seen.evidence).toEqual([{ source: '.', text: seen.text }]);
  });

  it('names one folder the same whatever way it was asked for', async () => {
    for (const path of ['src', './src', 'src/', join(box.root, 'src')]) {
      expect(sources(await listFiles(roots, { path }))).toEqual(['src']);
    }
  });

  it('stops at 500 files and says so', async () => {
    for (let n = 0; n < 510; n += 1) await box.write(`many/f${n}.txt`, '');
    const seen = await listFiles(roots, { path: 'many' });
    expect(seen.text.split('\n').filter((line) => line.startsWith('many/'))).toHaveLength(500);
    expect(seen.text).toContain('(cut: there are more files; name a smaller folder)');
  });

  it('refuses a file and rejects with the reason of an aborted signal', async () => {
    await expect(listFiles(roots, { path: 'src/a.js' })).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
    const reason = new Error('stop');
    await expect(listFiles(roots, {}, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('readFile', () => {
  it('numbers every line and names the range it saw', async () => {
    const seen = await readFile(roots, { path: 'src/a.js' });
    expect(seen.text).toBe('src/a.js lines 1-3 of 3\n1| const a = 1;\n2| \n3| export { a };');
    expect(sources(seen)).toEqual(['src/a.js:1-3']);
  });

  it('pages a long file: the last line says where to go on', async () => {
    await box.write('long.txt', Array.from({ length: 900 }, (_, n) => `line ${n + 1}`).join('\n'));
    const first = await readFile(roots, { path: 'long.txt' });
    expect(sources(first)).toEqual(['long.txt:1-400']);
    expect(first.text.endsWith('(more: start_line 401)')).toBe(true);
    const rest = await readFile(roots, { path: 'long.txt', start_line: 801 });
    expect(sources(rest)).toEqual(['long.txt:801-900']);
    expect(sources(await readFile(roots, { path: 'long.txt', start_line: 901 }))).toEqual([]);
    expect(sources(await readFile(roots, { path: 'long.txt', start_line: 3, end_line: 4 }))).toEqual(['long.txt:3-4']);
  });

  it('shows at most 32,000 characters and cuts very long lines', async () => {
    await box.write('wide.txt', Array.from({ length: 100 }, () => 'x'.repeat(5_000)).join('\n'));
    const seen = await readFile(roots, { path: 'wide.txt' });
    expect(seen.text.length).toBeLessThan(40_000);
    expect(seen.text).toContain('…[cut, 5000 characters]');
  });

  it.each([
    ['a binary file', () => box.write('x.bin', Uint8Array.of(65, 0, 66)), 'x.bin', 'BINARY_FILE'],
    ['a file over 1 MiB', () => box.write('big.txt', 'x'.repeat(1_048_577)), 'big.txt', 'TOO_LARGE'],
    ['a folder', () => Promise.resolve(), 'src', 'NOT_A_FILE'],
    [
      'a private key under a plain name',
      () => box.write('k.txt', '-----BEGIN RSA PRIVATE KEY-----\nx\n'),
      'k.txt',
      'SECRET_FILE',
    ],
  ])('refuses %s', async (_kind, prepare, path, code) => {
    await prepare();
    await expect(readFile(roots, { path })).rejects.toMatchObject({ code });
  });

  it('refuses a named pipe without hanging', async () => {
    execFileSync('mkfifo', [join(box.root, 'pipe')]);
    await expect(readFile(roots, { path: 'pipe' })).rejects.toMatchObject({ code: 'NOT_A_FILE' });
  });
});

describe('searchText', () => {
  it('finds literal text ignoring case, with file and line, never in secret files', async () => {
    const seen = await searchText(roots, { text: 'total' });
    expect(seen.text).toBe('1 matches for "total"\nsrc/b.js:1: let TOTAL = 2;\n(1 left out: may hold credentials)');
    expect(sources(seen)).toEqual(['src/b.js:1']);
    expect(sources(await searchText(roots, { text: 'total', case_sensitive: true }))).toEqual([]);
  });

  it('treats a pattern as plain text and searches one file by path', async () => {
    await box.write('re.txt', '(a+)+$\naaaa\n');
    expect(sources(await searchText(roots, { text: '(a+)+$', path: 're.txt' }))).toEqual(['re.txt:1']);
  });

  it('shows at most 100 matches and says so', async () => {
    await box.write('many.txt', 'needle\n'.repeat(150));
    const seen = await searchText(roots, { text: 'needle' });
    expect(sources(seen)).toHaveLength(100);
    expect(seen.text).toContain('(first 100 matches)');
  });

  it('passes over unreadable files and refuses an empty text', async () => {
    await box.write('x.bin', Uint8Array.of(0, 1));
    expect(sources(await searchText(roots, { text: 'const' }))).toEqual(['src/a.js:1']);
    await expect(searchText(roots, { text: '' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
  });
});

describe('checkCitation', () => {
  it.each([
    ['src/a.js:1', 'const a = 1;'],
    ['src/a.js:3:8', 'export { a };'],
    ['src/a.js:2-3', 'export { a };'],
    ['src/a.js:1-3', 'const a = 1;\n\nexport { a };'],
  ])('re-reads %s', async (citation, text) => {
    expect(await checkCitation(roots, citation)).toMatchObject({ ok: true, file: 'src/a.js', text });
  });

  it.each([
    'src/a.js',
    'src/a.js:0',
    'src/a.js:4',
    'src/a.js:2',
    'src/a.js:3-1',
    'src/none.js:1',
    '../outside.txt:1',
    '/etc/passwd:1',
    '.env:1',
    'src/a.js:1-999',
    '',
    ':1',
    'src:1',
  ])('refuses %j', async (citation) => {
    expect(await checkCitation(roots, citation)).toMatchObject({ ok: false });
  });

  it('takes a citation apart', () => {
    expect(parseCitation('src/a.js:3-7')).toEqual({ file: 'src/a.js', first: 3, last: 7 });
    expect(parseCitation('a.js:x')).toBeUndefined();
  });
});

describe('gitDiff', () => {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args], {
      cwd: box.root,
      encoding: 'utf8',
    });

  const commitAll = (): void => {
    git('init', '-q');
    git('add', '-A');
    git('commit', '-qm', 'first');
  };

  it('numbers the lines that exist now and leaves secret files out', async () => {
    commitAll();
    await box.write('src/a.js', 'const a = 2;\n\nexport { a };\nlast();\n');
    await box.write('.env', 'TOKEN=changed\n');
    const seen = await gitDiff(roots, {});
    expect(seen.text).toBe(
      [
        '1 changed files',
        'src/a.js @@ -1,3 +1,4 @@',
        'src/a.js - const a = 1;',
        'src/a.js:1 + const a = 2;',
        'src/a.js:2   ',
        'src/a.js:3   export { a };',
        'src/a.js:4 + last();',
        '(1 files left out: may hold credentials)',
      ].join('\n'),
    );
    expect(sources(seen)).toEqual(['src/a.js:1-4']);
    expect(seen.text).not.toContain('TOKEN');
  });

  it('compares with a revision, shows staged changes, deleted and new files, and one path only', async () => {
    commitAll();
    await box.write('src/b.js', 'let TOTAL = 3;\n');
    await box.write('src/c.js', 'new\n');
    execFileSync('rm', [join(box.root, 'src/a.js')]);
    git('add', '-A');
    expect((await gitDiff(roots, {})).text).toBe('no changes');
    const staged = await gitDiff(roots, { staged: true });
    expect(staged.text).toContain('src/a.js (deleted file mode 100644)');
    expect(staged.text).toContain('src/a.js - const a = 1;');
    expect(staged.text).toContain('src/c.js:1 + new');
    expect(sources(staged)).toEqual(['src/b.js:1-1', 'src/c.js:1-1']);
    expect(sources(await gitDiff(roots, { compare_to: 'HEAD', path: 'src/c.js' }))).toEqual(['src/c.js:1-1']);
  });

  it('stays inside a root that is a subfolder of the repository', async () => {
    commitAll();
    await box.write('src/a.js', 'changed\n');
    await writeFile(join(box.root, 'top.txt'), 'x\n');
    git('add', '-A');
    const inner = openRoots([join(box.root, 'src')]);
    expect(sources(await gitDiff(inner, { staged: true }))).toEqual(['a.js:1-1']);
  });

  it.each(['--output=/tmp/x', '-p', 'a b', 'HEAD; rm', '$(id)', ''])('refuses the revision %j', async (compare_to) => {
    commitAll();
    await expect(gitDiff(roots, { compare_to })).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' });
  });

  it('runs no command that the repository configures', async () => {
    commitAll();
    const mark = join(box.base, 'ran');
    const script = join(box.base, 'run.sh');
    await writeFile(script, `#!/bin/sh\ntouch ${mark}\ncat\n`, { mode: 0o755 });
    for (const key of [
      'diff.external',
      'core.fsmonitor',
      'filter.evil.clean',
      'filter.evil.process',
      'diff.evil.textconv',
    ]) {
      git('config', key, script);
    }
    await mkdir(join(box.root, '.git/info'), { recursive: true });
    await writeFile(join(box.root, '.gitattributes'), '* filter=evil diff=evil\n');
    await box.write('src/a.js', 'const a = 9;\n');
    const seen = await gitDiff(roots, {});
    expect(seen.text).toContain('src/a.js:1 + const a = 9;');
    await expect(readRaw(mark)).rejects.toThrow();
  });

  it('fails with a typed error outside a repository, without naming folders outside', async () => {
    const failed = gitDiff(roots, {});
    await expect(failed).rejects.toMatchObject({ code: 'GIT_FAILED' });
    await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining(box.base) });
    await expect(gitDiff(roots, { compare_to: 'nothere' })).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  it('shows nothing of a repository that a .git file or link points to', async () => {
    const other = join(box.base, 'other');
    execFileSync('git', ['-c', 'init.defaultBranch=main', 'init', '-q', other]);
    await writeFile(join(other, 'a.txt'), 'private\n');
    execFileSync('git', ['add', '-A'], { cwd: other });
    await writeFile(join(box.root, '.git'), `gitdir: ${join(other, '.git')}\n`);
    await expect(gitDiff(roots, {})).rejects.toMatchObject({ code: 'GIT_FAILED' });
    await rm(join(box.root, '.git'));
    await symlink(join(other, '.git'), join(box.root, '.git'));
    await expect(gitDiff(roots, {})).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  it('works in a linked worktree', async () => {
    commitAll();
    git('worktree', 'add', '-q', join(box.base, 'tree'));
    await writeFile(join(box.base, 'tree/src/a.js'), 'changed\n');
    expect(sources(await gitDiff(openRoots([join(box.base, 'tree')]), {}))).toEqual(['src/a.js:1-1']);
  });

  it('rejects with ABORTED when the signal is aborted', async () => {
    commitAll();
    await expect(gitDiff(roots, {}, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
