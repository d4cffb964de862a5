import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { createStubServer, type StubServer } from '../src/index.ts';

const bin = new URL('../src/bin.ts', import.meta.url).pathname;
const tsx = import.meta.resolve('tsx');
let stub: StubServer | undefined;
let out = '';
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'exai-loadtest-process-'));
});
afterEach(async () => {
  await stub?.close();
  rmSync(out, { recursive: true, force: true });
});

/** Starts the command line in a process of its own. */
function start(args: readonly string[], node: readonly string[] = []): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, ['--conditions=@exai/source', '--import', tsx, ...node, bin, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs the command line and closes one of its outputs before it can write: what `| head` does. */
async function runWithClosed(
  closed: 'stdout' | 'stderr',
  args: readonly string[],
): Promise<{ code: unknown; said: string }> {
  const child = start(args);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  child[closed].destroy();
  const [code] = await once(child, 'close');
  return { code, said };
}

test.each(['stdout', 'stderr'] as const)(
  'a run whose %s nobody reads goes on, reports to its files, and exits by its verdict',
  async (closed) => {
    stub = await createStubServer({ timeScale: 0.001 });
    const flags = ['--time-scale', '0.001', '--duration', '300ms', '--max-stall', '30s', '--out', out];
    const { code, said } = await runWithClosed(closed, ['run', 'baseline', '--url', stub.url, ...flags]);
    expect(said).not.toMatch(/EPIPE|at .*\.ts:\d+/);
    expect(code).toBe(0);
    expect(readdirSync(out)).toHaveLength(2);
    expect(said.includes('PASSED')).toBe(closed === 'stderr');
    expect(said.includes('measuring')).toBe(closed === 'stdout');
  },
  60_000,
);

/** Notes every name that is looked up and every address that is connected to, and answers no look-up. */
const WITNESS = `
import dns from 'node:dns';
import net from 'node:net';
import { appendFileSync } from 'node:fs';
const note = (what) => appendFileSync(process.env.WITNESS, what + '\\n');
dns.lookup = (name, ...rest) => {
  note('lookup ' + name);
  rest.at(-1)(Object.assign(new Error('no network'), { code: 'ENOTFOUND' }));
};
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const [first] = Array.isArray(args[0]) ? args[0] : args;
  if (first.path === undefined) note('connect ' + (first.host ?? 'localhost') + ':' + first.port);
  return connect.apply(this, args);
};
`;

test('a run talks to its target and to nobody else, and looks up no name', async () => {
  stub = await createStubServer({ timeScale: 0.001 });
  const [preload, seen] = [join(out, 'witness.mjs'), join(out, 'seen.txt')];
  writeFileSync(preload, WITNESS);
  writeFileSync(seen, '');
  process.env['WITNESS'] = seen;
  const flags = ['--time-scale', '0.001', '--duration', '300ms', '--max-stall', '30s', '--out', out];
  const child = start(['run', 'baseline', '--url', stub.url, ...flags], ['--import', preload]);
  child.stdout.resume();
  child.stderr.resume();
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  const hosts = readFileSync(seen, 'utf8').trim().split('\n');
  expect(hosts.length).toBeGreaterThan(5);
  expect([...new Set(hosts)]).toEqual([`connect 127.0.0.1:${stub.port}`]);
}, 90_000);
