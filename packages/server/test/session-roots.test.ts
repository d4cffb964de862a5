import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect as connectClient } from '@exai/server/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ensureRootsKey, readRootsKey } from '../src/roots/roots-key.ts';
import { SessionRoots } from '../src/roots/session-roots.ts';
import { tellRoots } from '../src/roots/told-roots.ts';
import { connect, startServer } from './test-server.ts';

let home = '';
let folder = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'exai-roots-'));
  folder = join(home, '.exai');
  vi.stubEnv('HOME', home);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function project(name: string): string {
  const path = join(home, name);
  mkdirSync(path, { recursive: true });
  return path;
}

describe('the key of a user', () => {
  it('is made once, whoever is first, and can be read by its owner only', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => ensureRootsKey(folder)));
    expect(new Set(keys).size).toBe(1);
    expect(await ensureRootsKey(folder)).toBe(keys[0]);
    expect(readFileSync(join(folder, 'roots.key'), 'utf8')).toBe(keys[0]);
    expect(statSync(join(folder, 'roots.key')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('is none when others may read it, or when it is something else', async () => {
    await ensureRootsKey(folder);
    chmodSync(join(folder, 'roots.key'), 0o640);
    expect(readRootsKey(folder)).toBeUndefined();
    await expect(ensureRootsKey(folder)).rejects.toThrow('remove it');
    chmodSync(join(folder, 'roots.key'), 0o600);
    writeFileSync(join(folder, 'roots.key'), 'short');
    expect(readRootsKey(folder)).toBeUndefined();
  });
});

describe('the folders a session gets', () => {
  const local = '127.0.0.1';

  it('are those it tells, signed with the key, on loopback; else those of the server', async () => {
    const key = await ensureRootsKey(folder);
    const mine = project('mine');
    const told = tellRoots([mine], key);
    const decide = (host: string, address: string, asked = told): readonly string[] | undefined =>
      new SessionRoots({ host, allowedRoots: [], folder }).decide(asked, address);
    expect(decide(local, local)).toEqual([mine]);
    expect(decide('localhost', '::ffff:127.0.0.1')).toEqual([mine]);
    expect(decide(local, '203.0.113.9')).toBeUndefined();
    expect(decide('0.0.0.0', local)).toBeUndefined();
    expect(decide('10.0.0.5', '10.0.0.5')).toBeUndefined();
    expect(decide(local, local, { folders: [home], proof: told.proof })).toBeUndefined();
    expect(decide(local, local, { folders: [mine, home], proof: told.proof })).toBeUndefined();
    expect(decide(local, local, tellRoots([mine], 'another key'))).toBeUndefined();
    expect(decide(local, local, { folders: [mine], proof: '' })).toBeUndefined();
    expect(new SessionRoots({ host: local, allowedRoots: [], folder }).decide(undefined, local)).toBeUndefined();
    expect(new SessionRoots({ host: local, allowedRoots: [], folder: home }).decide(told, local)).toBeUndefined();
  });

  it('are folders that are there, and never the whole disk', async () => {
    const key = await ensureRootsKey(folder);
    const mine = project('mine');
    writeFileSync(join(home, 'file'), '');
    const told = tellRoots([mine, '/', join(home, 'gone'), join(home, 'file'), 'relative'], key);
    expect(new SessionRoots({ host: local, allowedRoots: [], folder }).decide(told, local)).toEqual([mine]);
  });

  it('lie inside those of the server when it has any, links followed', async () => {
    const key = await ensureRootsKey(folder);
    const [allowed, inner, outer] = [project('allowed'), project('allowed/inner'), project('allowed-not')];
    symlinkSync(outer, join(allowed, 'link'));
    const told = tellRoots([inner, allowed, outer, home, join(allowed, 'link')], key);
    const roots = new SessionRoots({ host: local, allowedRoots: [allowed], folder });
    expect(roots.decide(told, local)).toEqual([inner, allowed]);
    expect(roots.decide(tellRoots([outer], key), local)).toEqual([]);
  });
});

describe('a session that tells its folders', () => {
  it('keeps them over a resume; its runs are offered the file tools and look into them alone', async () => {
    const key = await ensureRootsKey(folder);
    const [one, other] = [project('one'), project('other')];
    const server = await startServer();
    const seen: unknown[] = [];
    server.engine.on('run.started', ({ roots, tools }) => seen.push([roots, tools.includes('read_file')]));
    const debug = { prompt: 'why?', simulate: { serviceMs: 1 } };
    const first = await connectClient(server.wsUrl, { roots: tellRoots([one], key), delay: () => 5 });
    const second = await connectClient(server.wsUrl, { roots: tellRoots([other], key) });
    expect([first.welcome?.roots, second.welcome?.roots]).toEqual([[one], [other]]);
    for (const session of server.sessions.values()) session.disconnect(1011, 'test');
    await Promise.all([first.call('debug', debug), second.call('debug', debug)]);
    expect(server.stats().sessions).toBe(2);
    expect(seen).toHaveLength(2);
    expect(seen).toEqual(
      expect.arrayContaining([
        [[one], true],
        [[other], true],
      ]),
    );
    await Promise.all([first.close(), second.close()]);
  });

  it('gets none of them with a wrong proof, and is told so by their absence', async () => {
    await ensureRootsKey(folder);
    const server = await startServer();
    const started: unknown[] = [];
    server.engine.on('run.started', ({ roots, tools }) => started.push([roots, tools.includes('read_file')]));
    const client = await connect(server, { hello: false });
    const roots = { folders: [home], proof: 'x'.repeat(43) };
    client.send({ type: 'hello', version: 'exai.v1', client: { name: 't', version: '1' }, roots });
    expect(await client.next('welcome')).not.toHaveProperty('roots');
    client.call('a', 'debug', { prompt: 'why?', simulate: { serviceMs: 1 } });
    await client.end('a');
    expect(started).toEqual([[undefined, false]]);
  });
});
