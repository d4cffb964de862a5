import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { connect as connectClient } from '@exai/server/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AnyClient } from '../mcp/mcp-clients.ts';
import { chatOf, startServer, until } from '../test-server.ts';
import { buildBin, removeBin } from './build-bin.ts';
import { endLater, type Environment, makeHome, oldStdioClient, readText, stdioClient } from './stdio-processes.ts';
import { freePort } from '../../../../test/services/free-port.ts';

let bin = '';
beforeAll(async () => {
  bin = await buildBin();
});
afterAll(removeBin);

/** Ample: on a busy machine a process takes seconds to start. */
const PATIENT = { timeout: 90_000 };

function command(...args: string[]): string[] {
  return [process.execPath, bin, 'stdio', ...args];
}

const CLIENTS: ((args: string[], env: Environment) => Promise<AnyClient>)[] = [
  (args, env) => stdioClient({ command: command(...args), env }, '2026-07-28'),
  (args, env) => stdioClient({ command: command(...args), env }),
  (args, env) => oldStdioClient({ command: command(...args), env }),
  (args, env) => stdioClient({ command: command(...args), env }, '2026-07-28'),
];

describe('exai-server stdio', PATIENT, () => {
  it('shares one server with WebSocket clients: the limits hold for all of them together', async () => {
    const server = await startServer({ resumeWindowMs: 2000 });
    const env = { EXAI_WS_PORT: String(server.port), HOME: makeHome() };
    const agents = await Promise.all(Array.from({ length: 4 }, () => connectClient(server.wsUrl)));
    const bridges = await Promise.all(CLIENTS.map((connect) => connect([], env)));
    const call = (nth: number) => chatOf(60, nth % 2 === 0 ? 'glm' : 'kimi');
    const [ofAgents, ofBridges] = await Promise.all([
      Promise.all(agents.flatMap((agent) => [0, 1, 2, 3].map((nth) => agent.call('chat', call(nth))))),
      Promise.all(bridges.flatMap((bridge) => [0, 1, 2, 3].map((nth) => bridge.call('chat', call(nth))))),
    ]);
    expect(ofAgents.filter(({ stop }) => stop?.kind === 'complete')).toHaveLength(16);
    expect(ofBridges.filter(({ structuredContent }) => structuredContent.stop.kind === 'complete')).toHaveLength(16);
    const { peak } = server.models.simulator!.log;
    expect(peak.total).toBeLessThanOrEqual(5);
    expect(peak.glm).toBeLessThanOrEqual(2);
    expect(peak.kimi).toBeLessThanOrEqual(3);
    expect(peak.total).toBeGreaterThan(2);
    await Promise.all(agents.map((agent) => agent.close()));
    await Promise.all(bridges.map((bridge) => bridge.close()));
    await until(() => server.stats().sessions === 0, 'the sessions ended', 20_000);
  });

  it('hands on a cancel, progress, and the end of stdin', async () => {
    const server = await startServer({ progressMs: 30 });
    const env = { EXAI_WS_PORT: String(server.port), HOME: makeHome() };
    const client = await CLIENTS[2]!([], env);
    const heard: number[] = [];
    const answer = await client.call('chat', chatOf(150), { onprogress: ({ progress }) => heard.push(progress) });
    expect(answer.isError).toBe(false);
    expect(heard.length).toBeGreaterThan(2);
    expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
    const controller = new AbortController();
    const cancelled = expect(client.call('chat', chatOf(60_000), { signal: controller.signal })).rejects.toThrow();
    const held = (): number => server.semaphore.stats().global.held;
    await until(() => held() === 1, 'the permit was taken');
    controller.abort();
    await cancelled;
    await until(() => held() === 0, 'the permit came back');
    const lost = client.call('chat', chatOf(60_000)).catch(() => undefined);
    await until(() => held() === 1, 'the permit was taken');
    await client.close();
    await lost;
    await until(() => held() === 0, 'the end of stdin ended the work', 20_000);
  });

  it('starts one server where none answers, however many bridges begin at once', async () => {
    const home = makeHome();
    const port = await freePort();
    const env = { EXAI_WS_PORT: String(port), HOME: home };
    const bridges = await Promise.all(CLIENTS.map((connect) => connect([], env)));
    const answers = await Promise.all(bridges.map((bridge) => bridge.call('chat', chatOf(20))));
    endLater(Number(readText(join(home, '.exai', `server-${port}.pid`))));
    expect(answers.filter(({ isError }) => isError).map((answer) => answer.structuredContent)).toEqual([]);
    // Every start writes into this log, the refused ones (EADDRINUSE) too.
    const log = readText(join(home, '.exai', `server-${port}.log`));
    expect(log.match(/EXAI server on/g)).toHaveLength(1);
    expect(log).not.toContain('EADDRINUSE');
    expect(existsSync(join(home, '.exai', `server-${port}.lock`))).toBe(false);
  });

  it('says in a readable result why there is no server', async () => {
    const other = await startServer({ tokens: ['secret-token'] });
    const env = { EXAI_WS_PORT: String(other.port), EXAI_WS_TOKEN: 'wrong', HOME: makeHome() };
    const client = await CLIENTS[0]!([], env);
    const answer = await client.call('chat', chatOf(10));
    expect(answer.isError).toBe(true);
    expect(answer.structuredContent.code).toBe('UNAUTHENTICATED');
  });

  it('speaks nothing but MCP on stdout, and ends when stdin does', async () => {
    const child = spawn(process.execPath, [bin, 'stdio', '--standalone'], { env: { PATH: process.env['PATH'] } });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
    const hello = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    };
    child.stdin.write(`${JSON.stringify(hello)}\n`);
    await until(() => out.includes('\n'), 'an answer', 60_000);
    child.stdin.end();
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    for (const line of out.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
  });
});

describe('exai-server stdio --standalone', PATIENT, () => {
  it.each([
    ['a 2026 client', 0],
    ['a 2025 client of the 2.x SDK', 1],
    ['a client of the 1.32 SDK', 2],
  ] as const)('answers %s in its own process', async (_, nth) => {
    const client = await CLIENTS[nth]!(['--standalone'], { EXAI_MCP_PROFILE: 'standard' });
    expect((await client.listTools()).tools).toHaveLength(14);
    const heard: number[] = [];
    const answer = await client.call('chat_EXAI-WS', chatOf(30), {
      onprogress: ({ progress }) => heard.push(progress),
    });
    expect(answer.isError).toBe(false);
    expect(answer.structuredContent.stop.kind).toBe('complete');
    expect(heard[0]).toBe(0);
  });
});

/** Which of these sources the file tools of a client could not find. */
async function refusedOf(client: AnyClient, sources: Record<string, string>): Promise<string[]> {
  const answer = await client.call('debug', {
    step: 'Look',
    step_number: 1,
    next_step_required: true,
    findings: 'the counter starts at 0',
    relevant_files: ['counter.ts'],
    citations: Object.entries(sources).map(([source, quote]) => ({ source, quote })),
  });
  const refused: { source: string }[] = answer.structuredContent.refusedCitations;
  return refused.map(({ source }) => source);
}

describe('the file tools of a process', PATIENT, () => {
  const counter = 'export let counter = 0;';

  it('look into its working directory and nowhere else', async () => {
    const cwd = makeHome();
    writeFileSync(join(cwd, 'counter.ts'), `${counter}\n`);
    const env = { EXAI_MCP_PROFILE: 'full' };
    const client = await stdioClient({ command: command('--standalone'), env, cwd }, '2026-07-28');
    const refused = await refusedOf(client, { 'counter.ts:1': counter, '/etc/hostname:1': 'x' });
    expect(refused).toEqual(['/etc/hostname:1']);
  });

  it('look into that of their own editor, also when another editor started the server they share', async () => {
    const [home, first, second] = [makeHome(), makeHome(), makeHome()];
    const port = await freePort();
    const env = { EXAI_MCP_PROFILE: 'full', EXAI_WS_PORT: String(port), HOME: home };
    for (const cwd of [first, second]) writeFileSync(join(cwd, 'counter.ts'), `${counter} // of ${cwd}\n`);
    const sources = Object.fromEntries([first, second].map((cwd) => [`${cwd}/counter.ts:1`, counter]));
    const one = await stdioClient({ command: command(), env, cwd: first }, '2026-07-28');
    expect(await refusedOf(one, sources)).toEqual([`${second}/counter.ts:1`]);
    endLater(Number(readText(join(home, '.exai', `server-${port}.pid`))));
    const two = await stdioClient({ command: command(), env, cwd: second });
    expect(await refusedOf(two, sources)).toEqual([`${first}/counter.ts:1`]);
    const named = { ...env, EXAI_ALLOWED_ROOTS: first };
    expect(await refusedOf(await stdioClient({ command: command(), env: named, cwd: second }), sources)).toEqual([
      `${second}/counter.ts:1`,
    ]);
    // A client without the key, at the same server: a citation it cannot check is its own word.
    const stranger = await connectClient(`ws://127.0.0.1:${port}/ws`);
    expect(stranger.welcome?.roots).toBeUndefined();
    await stranger.close();
    expect(readText(join(home, '.exai', `server-${port}.log`)).match(/EXAI server on/g)).toHaveLength(1);
  });
});
