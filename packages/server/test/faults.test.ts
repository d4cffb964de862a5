import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { describeServer } from '../src/compose/describe-server.ts';
import { chatOf, connect, startServer, until } from './test-server.ts';

const adminToken = 'administrator';

function ask(url: string, body: unknown, headers: Record<string, string> = { authorization: `Bearer ${adminToken}` }) {
  return fetch(`${url}/admin/faults`, { method: 'POST', headers, body: JSON.stringify(body) });
}

describe('POST /admin/faults', () => {
  it('is not there unless the server was started with faults', async () => {
    const server = await startServer({ adminToken });
    expect((await ask(server.url, { kind: 'leak' })).status).toBe(404);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^exai_faults_enabled 0$/m);
  });

  it('shows that it is open: in the metrics, in the audit log, and red at start', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'exai-faults-'));
    const server = await startServer({ faults: true, adminToken, audit: true, dataDir });
    expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^exai_faults_enabled 1$/m);
    expect(describeServer(server).at(-1)).toContain('\u001B[41;97m FAULTS ARE ENABLED');
    await server.close({ graceMs: 0 });
    expect(readFileSync(join(dataDir, 'audit.jsonl'), 'utf8')).toContain('"what":"faultsEnabled"');
  });

  it('wants the admin token, no Origin, and a fault it knows', async () => {
    const server = await startServer({ faults: true, adminToken });
    expect((await ask(server.url, { kind: 'leak' }, {})).status).toBe(401);
    expect((await ask(server.url, { kind: 'leak' }, { authorization: 'Bearer agent' })).status).toBe(401);
    const own = { authorization: `Bearer ${adminToken}`, origin: server.url };
    expect((await ask(server.url, { kind: 'leak' }, own)).status).toBe(403);
    expect((await ask(server.url, { kind: 'refill' })).status).toBe(400);
    expect((await fetch(`${server.url}/admin/faults`)).status).toBe(405);
  });

  it('really drops a permit: it is proven leaked, taken back and counted, and never counted twice', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'exai-faults-'));
    const server = await startServer({ faults: true, adminToken, audit: true, dataDir });
    expect((await ask(server.url, { kind: 'leak', provider: 'kimi', count: 2 })).status).toBe(200);
    expect(server.semaphore.stats().providers['kimi']?.held).toBe(2);
    await until(() => server.semaphore.stats().global.leaksDetected === 2, 'both are found', 10_000);
    await until(() => server.semaphore.stats().providers['kimi']?.held === 0, 'both are back', 10_000);
    expect(server.semaphore.stats().global).toMatchObject({ leaksDetected: 2, recovered: 2, held: 0 });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/mcp_semaphore_leaks_detected_total\{semaphore_type="provider"\} 2/);
    expect(server.views.look({ id: '', admin: true }).notes.map(({ kind }) => kind)).toContain('fault');
    await server.close({ graceMs: 0 });
    expect(readFileSync(join(dataDir, 'audit.jsonl'), 'utf8')).toContain('"what":"fault"');
  });

  it('releases twice without any effect, makes simulated calls fail, and cuts connections that then resume', async () => {
    const server = await startServer({ faults: true, adminToken });
    await ask(server.url, { kind: 'double_release' });
    expect(server.semaphore.stats().global).toMatchObject({ held: 0, available: 5 });
    const client = await connect(server);
    await ask(server.url, { kind: 'error', share: 1 });
    client.call('a', 'chat', chatOf(5), { deadlineMs: 3000 });
    expect((await client.end('a')).type).toBe('error');
    await ask(server.url, { kind: 'clear' });
    await ask(server.url, { kind: 'drop_connection' });
    expect(await client.closed()).toBe(1006);
    expect(server.stats().sessions).toBe(1);
  });
});
