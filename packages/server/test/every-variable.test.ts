import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type ExaiServer, loadConfig, createServer } from '@exai/server';
import { afterEach, describe, expect, it } from 'vitest';

import { WebSocket } from 'ws';

import { VARIABLES } from '../src/config/variables.ts';
import { HTTP_CLIENTS } from './mcp/mcp-clients.ts';
import { TestClient } from './test-client.ts';
import { chatOf } from './test-server.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A server configured by nothing but variables. */
async function start(env: Record<string, string>): Promise<ExaiServer> {
  const config = loadConfig({
    EXAI_WS_PORT: '0',
    EXAI_STORE: 'memory',
    EXAI_DATA_DIR: await mkdtemp(join(tmpdir(), 'exai-env-')),
    EXAI_SIM_TIME_SCALE: '0.01',
    ...env,
  });
  const server = await createServer(config);
  open.push(() => server.close({ graceMs: 0 }));
  return server.listen();
}

async function client(server: ExaiServer, options = {}): Promise<TestClient> {
  const made = await TestClient.connect(server.wsUrl, options);
  open.push(() => made.close());
  return made;
}

/** Most calls at one time that the simulator saw while two sessions made eight calls each, of both providers. */
async function peaks(env: Record<string, string>, sessions = 2) {
  const server = await start(env);
  const clients = await Promise.all(Array.from({ length: sessions }, () => client(server)));
  for (const each of clients) {
    for (let n = 0; n < 8; n += 1) each.call(`c${n}`, 'chat', chatOf(60, n % 2 === 0 ? 'glm' : 'kimi'));
  }
  for (const each of clients) for (let n = 0; n < 8; n += 1) await each.end(`c${n}`);
  return server.models.simulator!.log.peak;
}

/** The budget a call gets when it names no deadline. */
async function budgetOf(env: Record<string, string>, tool: string): Promise<number | undefined> {
  const server = await start(env);
  const each = await client(server);
  each.call('a', tool, { prompt: 'hello', simulate: { serviceMs: 5000 } });
  await each.next('accepted', 'a');
  return [...server.service.works()][0]?.budgetMs;
}

const short = { GLM_TIMEOUT_SECS: '1', GLM_WEB_SEARCH_TIMEOUT_SECS: '1', GLM_THINKING_TIMEOUT_SECS: '1' };
const allShort = {
  ...short,
  GLM_WEB_THINKING_TIMEOUT_SECS: '1',
  KIMI_TIMEOUT_SECS: '1',
  KIMI_WEB_SEARCH_TIMEOUT_SECS: '1',
  KIMI_THINKING_TIMEOUT_SECS: '1',
  KIMI_WEB_THINKING_TIMEOUT_SECS: '1',
};

/** What makes a call one without thinking. */
const PLAIN = { glm: { model: 'glm-5.2', thinking_mode: 'minimal' }, kimi: { model: 'moonshot-v1-8k' } };

const proofs: Record<string, () => Promise<void>> = {
  EXAI_WS_HOST: async () => {
    const server = await start({ EXAI_WS_HOST: '127.0.0.2' });
    expect((await fetch(`http://127.0.0.2:${server.port}/healthz`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${server.port}/healthz`)).rejects.toThrow();
  },
  EXAI_WS_PORT: async () => {
    const { port } = await start({});
    expect(port).not.toBe(8079);
    await expect(start({ EXAI_WS_PORT: String(port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  },
  EXAI_WS_TOKEN: async () => {
    const server = await start({ EXAI_WS_TOKEN: 'one-token,another-token' });
    const without = await client(server, { hello: false });
    without.hello();
    expect(await without.closed()).toBe(4401);
    for (const token of ['one-token', 'another-token']) await client(server, { token });
  },
  EXAI_WS_ADMIN_TOKEN: async () => {
    const server = await start({ EXAI_WS_ADMIN_TOKEN: 'administrator' });
    const [agent, admin] = [await client(server), await client(server, { token: 'administrator' })];
    for (const each of [agent, admin]) each.send({ type: 'subscribe', id: 's', intervalMs: 1000 });
    expect((await agent.next('snapshot'))['snapshot'].scope).toBe('session');
    expect((await admin.next('snapshot'))['snapshot'].scope).toBe('all');
  },
  EXAI_WS_ALLOWED_ORIGINS: async () => {
    const server = await start({ EXAI_WS_ALLOWED_ORIGINS: 'https://one.example, https://two.example' });
    const get = async (origin: string) => (await fetch(`${server.url}/healthz`, { headers: { origin } })).status;
    expect(await get('https://two.example')).toBe(200);
    expect(await get('https://three.example')).toBe(403);
  },
  EXAI_WS_GLOBAL_MAX_INFLIGHT: async () => {
    expect((await peaks({ EXAI_WS_GLOBAL_MAX_INFLIGHT: '1', EXAI_WS_SESSION_MAX_INFLIGHT: '1' })).total).toBe(1);
  },
  EXAI_WS_SESSION_MAX_INFLIGHT: async () => {
    expect((await peaks({ EXAI_WS_SESSION_MAX_INFLIGHT: '1' }, 1)).total).toBe(1);
    expect((await peaks({}, 1)).total).toBe(2);
  },
  EXAI_WS_GLM_MAX_INFLIGHT: async () => expect((await peaks({ EXAI_WS_GLM_MAX_INFLIGHT: '1' })).glm).toBe(1),
  EXAI_WS_KIMI_MAX_INFLIGHT: async () => expect((await peaks({ EXAI_WS_KIMI_MAX_INFLIGHT: '1' })).kimi).toBe(1),
  EXAI_MAX_RUNS: async () => {
    const server = await start({ EXAI_MAX_RUNS: '1' });
    const each = await client(server);
    for (const id of ['a', 'b', 'c']) each.call(id, 'chat', chatOf(400));
    expect((await each.next('accepted', 'c'))['state']).toBe('queued');
    expect(server.stats().runsAtDoor).toBe(2);
  },
  SESSION_MAX_CONCURRENT: async () => {
    const server = await start({ SESSION_MAX_CONCURRENT: '1' });
    await client(server);
    const second = await client(server, { hello: false });
    second.hello();
    expect(await second.closed()).toBe(1013);
  },
  SESSION_TIMEOUT_SECS: async () => {
    const server = await start({
      ...allShort,
      EXAI_CHAT_DEADLINE_SECS: '1',
      EXAI_WORKFLOW_DEADLINE_SECS: '1',
      SESSION_TIMEOUT_SECS: '1',
    });
    const startedAt = Date.now();
    expect(await (await client(server)).closed()).toBe(1008);
    expect(Date.now() - startedAt).toBeGreaterThan(900);
  },
  EXAI_CHAT_DEADLINE_SECS: async () => {
    expect(await budgetOf({ EXAI_CHAT_DEADLINE_SECS: '500' }, 'chat')).toBe(500_000);
    expect(await budgetOf({}, 'chat')).toBe(600_000);
  },
  EXAI_WORKFLOW_DEADLINE_SECS: async () => {
    expect(await budgetOf({ EXAI_WORKFLOW_DEADLINE_SECS: '500' }, 'debug')).toBe(500_000);
    expect(await budgetOf({}, 'debug')).toBe(3_600_000);
  },
  EXAI_SIM_TIME_SCALE: async () => {
    const server = await start({ EXAI_SIM_TIME_SCALE: '0.05' });
    expect((await client(server)).welcome['simulator'].timeScale).toBe(0.05);
  },
  EXAI_ALLOWED_ROOTS: async () => {
    const tools = async (env: Record<string, string>): Promise<readonly string[]> => {
      const server = await start(env);
      const offered = new Promise<readonly string[]>((resolve) => {
        server.engine.on('run.started', (event) => resolve(event.tools));
      });
      (await client(server)).call('a', 'debug', { prompt: 'why?', simulate: { serviceMs: 1 } });
      return offered;
    };
    expect(await tools({ EXAI_ALLOWED_ROOTS: tmpdir() })).toContain('read_file');
    expect(await tools({})).not.toContain('read_file');
  },
  EXAI_MCP_PROFILE: async () => {
    const listed = async (env: Record<string, string>): Promise<number> => {
      const { url } = await start(env);
      const mcp = await HTTP_CLIENTS[0]![1](`${url}/mcp`);
      return (await mcp.listTools()).tools.length;
    };
    expect(await listed({})).toBe(5);
    expect(await listed({ EXAI_MCP_PROFILE: 'standard' })).toBe(14);
  },
  EXAI_MCP_WS: async () => {
    const upgrade = async (env: Record<string, string>): Promise<boolean> => {
      const { port } = await start(env);
      const ws = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp');
      open.push(async () => ws.terminate());
      return new Promise((resolve) => ws.on('open', () => resolve(true)).on('error', () => resolve(false)));
    };
    expect(await upgrade({ EXAI_MCP_WS: '1' })).toBe(true);
    expect(await upgrade({})).toBe(false);
  },
  EXAI_STORE: async () => {
    const dir = await mkdtemp(join(tmpdir(), 'exai-env-'));
    await start({ EXAI_STORE: 'memory', EXAI_DATA_DIR: dir });
    expect(existsSync(join(dir, 'journals'))).toBe(false);
    await start({ EXAI_STORE: 'file', EXAI_DATA_DIR: dir });
    expect(existsSync(join(dir, 'journals'))).toBe(true);
  },
  EXAI_REDIS_URL: async () => {
    const error: unknown = await start({ EXAI_REDIS_URL: 'redis://:secret@127.0.0.1:1' }).catch((reason) => reason);
    expect(error).toMatchObject({ variable: 'EXAI_REDIS_URL', value: '(hidden)' });
    expect(String(error)).toContain('ECONNREFUSED');
    expect(String(error)).not.toContain('secret');
  },
  EXAI_POSTGRES_URL: async () => {
    const gone = { EXAI_STORE: 'file', EXAI_POSTGRES_URL: 'postgres://me:secret@127.0.0.1:1/journals' };
    const error: unknown = await start(gone).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ variable: 'EXAI_POSTGRES_URL', value: '(hidden)' });
    expect(String(error)).toContain('ECONNREFUSED');
    expect(String(error)).not.toContain('secret');
  },
  EXAI_DATA_DIR: async () => {
    const dir = join(await mkdtemp(join(tmpdir(), 'exai-env-')), 'elsewhere');
    await start({ EXAI_STORE: 'file', EXAI_DATA_DIR: dir });
    expect(existsSync(join(dir, 'journals'))).toBe(true);
  },
  ...Object.fromEntries(
    [
      ['ZAI_API_KEY', 'glm'],
      ['ZHIPUAI_API_KEY', 'glm'],
      ['MOONSHOT_API_KEY', 'kimi'],
      ['KIMI_API_KEY', 'kimi'],
    ].map(([name, provider]) => [
      name,
      async () => {
        const server = await start({ [name!]: 'a-key.of-somebody' });
        expect(server.models.isSimulated(provider!)).toBe(false);
        expect(server.models.simulated).toEqual([provider === 'glm' ? 'kimi' : 'glm']);
        const each = await client(server);
        each.call('a', 'chat', chatOf(1, provider as 'glm' | 'kimi'));
        expect((await each.end('a'))['error'].message).toContain('simulate is accepted only by a simulated provider');
      },
    ]),
  ),
  ...Object.fromEntries(
    (['glm', 'kimi'] as const).flatMap((provider) =>
      Object.entries({
        TIMEOUT_SECS: PLAIN[provider],
        WEB_SEARCH_TIMEOUT_SECS: { ...PLAIN[provider], use_websearch: true },
        THINKING_TIMEOUT_SECS: { thinking_mode: 'high' },
        WEB_THINKING_TIMEOUT_SECS: { use_websearch: true, thinking_mode: 'high' },
      }).map(([suffix, args]) => {
        const name = `${provider.toUpperCase()}_${suffix}`;
        return [name, () => hungCallTimesOut(name, provider, args)];
      }),
    ),
  ),
};

/** A hung call of the variable's kind ends by that variable, long before its deadline; without it, by its deadline. */
async function hungCallTimesOut(name: string, provider: 'glm' | 'kimi', args: Record<string, unknown>): Promise<void> {
  const server = await start({ EXAI_SIM_TIME_SCALE: '1', [name]: '0.2' });
  server.models.simulator!.faults.set({ hangShare: 1, keepAliveShare: 0 });
  const each = await client(server);
  each.call('a', 'chat', { prompt: 'hello', provider, ...args }, { deadlineMs: 12_000 });
  const { error } = await each.end('a');
  expect(error).toMatchObject({ code: 'PROVIDER_ERROR', details: { cause: 'TIMEOUT' } });
}

describe('every variable', () => {
  it('has a proof', () => {
    const names = VARIABLES.map(({ name }) => name);
    expect(names.filter((name) => proofs[name] === undefined)).toEqual([]);
    expect(Object.keys(proofs).filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(Object.entries(proofs))('%s changes behaviour', async (_, prove) => {
    await prove();
  });
});
