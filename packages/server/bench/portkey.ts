import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { createSimulator } from '@exai/providers/simulator';

import { BenchClient } from './bench-client.ts';
import { startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median } from './statistics.ts';
import { freePort } from '../../../test/services/free-port.ts';

const PEERS = fileURLToPath(new URL('../../../bench-peers/server/', import.meta.url));
const START = `${PEERS}node_modules/@portkey-ai/gateway/build/start-server.js`;
const WIDTH = 32;

/**
 * Chats per second on a simulator without service time, limits 200, ours beside `@portkey-ai/gateway` on the same simulator. The
 * peer is installed into `bench-peers/server` when it is missing.
 */
export async function portkey(full: boolean): Promise<Bar[]> {
  try {
    return await compare(full);
  } catch (error) {
    const note = `could not be compared: ${String(error).slice(0, 160)}`;
    return [{ name: 'throughput-vs-portkey', value: 0, op: '>=', limit: 1, note }];
  }
}

async function compare(full: boolean): Promise<Bar[]> {
  if (!existsSync(START)) {
    spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: PEERS, stdio: 'inherit' });
  }
  const simulator = await createSimulator({ latency: 'instant' });
  const limits = { globalMaxInFlight: 200, sessionMaxInFlight: 200, glmMaxInFlight: 200, kimiMaxInFlight: 200 };
  const server = await startChild('bench-server.ts', {
    ...limits,
    glmApiKey: 'bench.key',
    kimiApiKey: 'bench-key',
    glmBaseURL: simulator.glm.baseURL,
    kimiBaseURL: simulator.kimi.baseURL,
    messagesPerSecond: 1_000_000,
  });
  let gateway: ChildProcess | undefined;
  try {
    const port = await freePort();
    gateway = startGateway(port);
    const url = `http://127.0.0.1:${port}`;
    await answers(url);
    return [await race(server.url, () => throughGateway(url, `${simulator.url}/v1`), full)];
  } finally {
    gateway?.kill('SIGKILL');
    await Promise.all([server.stop(), simulator.close()]);
  }
}

async function race(serverUrl: string, peer: () => Promise<void>, full: boolean): Promise<Bar> {
  const client = await BenchClient.open(serverUrl);
  const ours = async (): Promise<void> => {
    const { ok, code, message } = await client.call('chat', {
      prompt: 'hello',
      provider: 'kimi',
      model: 'moonshot-v1-8k',
    });
    if (!ok) throw new Error(`our chat ended with ${code}: ${message}`);
  };
  const calls = full ? 3000 : 200;
  const ratios: number[] = [];
  const each: string[] = [];
  for (const call of [ours, peer]) await perSecond(call, full ? 2000 : 400);
  for (let round = 0; round < (full ? 5 : 3); round += 1) {
    const [a, b] = [await perSecond(ours, calls), await perSecond(peer, calls)];
    ratios.push(a / b);
    each.push(`${a.toFixed(0)}/${b.toFixed(0)}`);
  }
  await client.close();
  const note = `chats per second ours/portkey per round: ${each.join(' ')}`;
  return { name: 'throughput-vs-portkey', value: median(ratios), op: '>=', limit: 1, note };
}

function startGateway(port: number): ChildProcess {
  return spawn(process.execPath, [START, `--port=${port}`, '--headless'], {
    cwd: PEERS,
    stdio: 'ignore',
    env: { ...process.env, TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
  });
}

async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the gateway did not start');
}

async function throughGateway(url: string, host: string): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer bench-key',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': host,
    },
    body: JSON.stringify({ model: 'moonshot-v1-8k', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
  });
  const text = await response.text();
  if (response.status !== 200 || !text.includes('[DONE]')) throw new Error(`${response.status}: ${text.slice(0, 200)}`);
}

async function perSecond(call: () => Promise<unknown>, calls: number): Promise<number> {
  let left = calls;
  const startedAt = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
  return (calls / (performance.now() - startedAt)) * 1000;
}
