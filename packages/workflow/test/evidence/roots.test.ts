import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openRoots } from '../../src/evidence/roots.ts';
import { isSecretPath } from '../../src/evidence/secret-file.ts';
import { sandbox } from './sandbox.ts';
import type { Sandbox } from './sandbox.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await sandbox({
    'src/a.js': 'one\ntwo\n',
    'notes.txt': 'hello\n',
    '.env': 'TOKEN=1\n',
    'keys/site.pem': 'x\n',
  });
});
afterEach(() => box.remove());

describe('roots', () => {
  it.each([
    ['relative', () => 'src/a.js'],
    ['with ./', () => './src/a.js'],
    ['absolute', () => join(box.root, 'src/a.js')],
  ])('finds a %s path and shows it relative to the root', async (_kind, path) => {
    const found = await openRoots([box.root]).locate(path());
    expect(found.shown).toBe('src/a.js');
    expect(found.real).toBe(join(box.root, 'src/a.js'));
  });

  it.each([
    ['parent', () => '../outside.txt', 'OUTSIDE_ROOTS'],
    ['parent that comes back', () => 'src/../notes.txt', 'OUTSIDE_ROOTS'],
    ['parent with backslash', () => '..\\outside.txt', 'OUTSIDE_ROOTS'],
    ['absolute outside', () => '/etc/passwd', 'OUTSIDE_ROOTS'],
    ['sibling with the same prefix', () => `${box.root}-other/x`, 'OUTSIDE_ROOTS'],
    ['absent and outside', () => '/no/such/file', 'OUTSIDE_ROOTS'],
    ['absent and inside', () => 'src/none.js', 'NOT_FOUND'],
    ['empty', () => '', 'INVALID_PATH'],
    ['NUL', () => 'src/a.js\0.txt', 'INVALID_PATH'],
    ['too long', () => 'a'.repeat(1025), 'INVALID_PATH'],
    ['.env', () => '.env', 'SECRET_FILE'],
    ['a key that does not exist', () => 'keys/none.pem', 'SECRET_FILE'],
    ['a key', () => 'keys/site.pem', 'SECRET_FILE'],
  ])('refuses a path that is %s', async (_kind, path, code) => {
    await expect(openRoots([box.root]).locate(path())).rejects.toMatchObject({ name: 'EvidenceError', code });
  });

  it('refuses links that lead out, to a file, through a folder or to a secret', async () => {
    await symlink(join(box.base, 'outside.txt'), join(box.root, 'leak.txt'));
    await symlink(box.base, join(box.root, 'up'));
    await symlink(join(box.root, '.env'), join(box.root, 'plain.txt'));
    const roots = openRoots([box.root]);
    await expect(roots.locate('leak.txt')).rejects.toMatchObject({ code: 'OUTSIDE_ROOTS' });
    await expect(roots.locate('up/outside.txt')).rejects.toMatchObject({ code: 'OUTSIDE_ROOTS' });
    await expect(roots.locate('plain.txt')).rejects.toMatchObject({ code: 'SECRET_FILE' });
  });

  it('accepts a root that is itself a link, by both of its names', async () => {
    await symlink(box.root, join(box.base, 'alias'));
    const roots = openRoots([join(box.base, 'alias')]);
    expect((await roots.locate(join(box.base, 'alias', 'src/a.js'))).shown).toBe('src/a.js');
    expect((await roots.locate(join(box.root, 'src/a.js'))).shown).toBe('src/a.js');
  });

  it('prefixes shown paths with the folder name when there are several roots, and finds them by it', async () => {
    await mkdir(join(box.base, 'other/project'), { recursive: true });
    await writeFile(join(box.base, 'other/project/b.js'), 'b\n');
    const roots = openRoots([box.root, join(box.base, 'other/project')]);
    expect((await roots.locate('project/src/a.js')).shown).toBe('project/src/a.js');
    expect((await roots.locate('project-2/b.js')).shown).toBe('project-2/b.js');
    expect((await roots.locate('b.js')).shown).toBe('project-2/b.js');
  });

  it('refuses the file system root, an absent folder and a file as a root', () => {
    expect(() => openRoots(['/'])).toThrow(TypeError);
    expect(() => openRoots([join(box.base, 'none')])).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    expect(() => openRoots([join(box.root, 'notes.txt')])).toThrow(
      expect.objectContaining({ code: 'NOT_A_DIRECTORY' }),
    );
  });

  it('has nothing to show without a root', async () => {
    await expect(openRoots([]).locate('notes.txt')).rejects.toMatchObject({ code: 'OUTSIDE_ROOTS' });
  });

  it('never returns a path outside the root, whatever the segments', async () => {
    await symlink(box.base, join(box.root, 'up'));
    const roots = openRoots([box.root]);
    const segment = fc.constantFrom(
      '..',
      '.',
      'up',
      'src',
      'a.js',
      'notes.txt',
      'outside.txt',
      'project',
      '',
      '~',
      '/',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 6 }), async (segments) => {
        const found = await roots.locate(segments.join('/')).catch(() => undefined);
        expect(found === undefined || found.real === box.root || found.real.startsWith(`${box.root}/`)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('isSecretPath', () => {
  it.each([
    '.env',
    '.env.local',
    'prod.env',
    'a/b/.ENV',
    'site.pem',
    'x.key',
    'id_rsa',
    'id_ed25519.pub',
    '.npmrc',
    '.netrc',
    '.git/config',
    'home/.ssh/known_hosts',
    '.aws/credentials',
    'credentials.json',
    'secrets.yaml',
    'terraform.tfstate',
    'service-account-prod.json',
    'store.jks',
    '.git-credentials',
    'deep/.docker/config.json',
  ])('holds for %s', (path) => {
    expect(isSecretPath(path)).toBe(true);
  });

  it.each([
    '.env.example',
    'src/env.ts',
    'src/key.ts',
    'keyboard.js',
    'docs/secrets-policy.md',
    'monkey.js',
    '.gitignore',
  ])('does not hold for %s', (path) => {
    expect(isSecretPath(path)).toBe(false);
  });
});
