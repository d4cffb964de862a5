import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect as connectClient } from '@exai/server/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { SOURCE_COMMAND } from './stdio/stdio-processes.ts';
import { chatOf, startServer, until } from './test-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'exai-tls-'));
const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];

beforeAll(() => {
  const subject = ['-subj', '/CN=exai test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', keyFile];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, '-out', certFile, ...subject], { stdio: 'ignore' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A WebSocket that trusts the certificate of this test and nothing else. */
function trusting(): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols, { ca: readFileSync(certFile) });
    }
  } as typeof WebSocket;
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { ca: readFileSync(certFile) }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

describe('a server with a certificate', () => {
  it('speaks HTTPS and WSS on its port, nothing in the clear, and only to those who trust it', async () => {
    const tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    const server = await startServer({ tls, tokens: ['token-over-tls'] });
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    for (const path of ['/healthz', '/readyz', '/']) expect(await statusOf(server.url + path)).toBe(200);
    expect(await statusOf(`${server.url}/healthz`)).toBe(200);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${server.port}/healthz`)).rejects.toThrow();
    const token = 'token-over-tls';
    const agent = await connectClient(server.wsUrl, { token, webSocket: trusting() });
    expect((await agent.call('chat', chatOf(5))).text).not.toBe('');
    for (const session of server.sessions.values()) session.disconnect(1011, 'test');
    expect((await agent.call('chat', chatOf(5))).text).not.toBe('');
    expect(server.stats().sessions).toBe(1);
    await agent.close();
    await expect(connectClient(server.wsUrl, { token, webSocket: WebSocket })).rejects.toMatchObject({
      code: 'RESUME_FAILED',
    });
    await until(() => server.stats().kept === 0, 'nothing is kept');
  });

  it('may listen off loopback, with a token, and is started by --tls-cert and --tls-key', async () => {
    const flags = ['--host', '0.0.0.0', '--port', '0', '--tls-cert', certFile, '--tls-key', keyFile];
    const { child, said } = start(flags);
    await until(() => said().includes('EXAI server on') || child.exitCode !== null, 'it listens', 60_000);
    const port = /EXAI server on https:\/\/0\.0\.0\.0:(\d+)/.exec(said())?.[1];
    expect(await statusOf(`https://127.0.0.1:${port}/healthz`)).toBe(200);
    const agent = await connectClient(`wss://localhost:${port}/ws`, { token: 'over-tls', webSocket: trusting() });
    expect((await agent.call('chat', chatOf(5))).text).not.toBe('');
    await agent.close();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }, 90_000);

  it('is refused with half of a pair', async () => {
    const { child, said } = start(['--port', '0', '--tls-cert', certFile]);
    expect(await once(child, 'exit')).toEqual([2, null]);
    expect(said()).toContain('--tls-cert and --tls-key must be given together');
  }, 60_000);
});

function start(flags: readonly string[]): { child: ChildProcess; said: () => string } {
  const [program = '', ...args] = SOURCE_COMMAND;
  const env = { PATH: process.env['PATH'], EXAI_WS_TOKEN: 'over-tls', EXAI_STORE: 'memory', EXAI_DATA_DIR: folder };
  const child = spawn(program, [...args, 'serve', ...flags], { env: { ...env, EXAI_SIM_TIME_SCALE: '0.01' } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, said: () => text };
}
