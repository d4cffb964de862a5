/** Two servers behind nginx keep one account's limits through Redis and one set of journals in PostgreSQL: one is killed, and no call is lost. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createSimulator } from '@exai/providers/simulator';
import { type CallAnswer, connect, type ExaiClient } from '@exai/server/client';

import { missingPackages, type Running, startNginx, startPostgres, startRedis, startServer } from './processes.ts';

const LIMITS = { glm: 2, kimi: 3 };
const CLIENTS = 6;
const CALLS_EACH = 2;

const missing = missingPackages();
if (missing.length > 0) {
  console.error(`not installed: ${missing.join(', ')}; apt-get install ${missing.join(' ')}`);
  process.exit(1);
}

const ends: (() => unknown)[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stopAll().then(() => process.exit()));

try {
  const { url, servers, simulator } = await start();
  console.log(`nginx:   ${url} (WebSocket at /ws, MCP at /mcp, a page at /)`);
  for (const { name, port } of servers) console.log(`${name}: http://127.0.0.1:${port}, its own /metrics and /readyz`);

  const clients = await connectAll(`${url.replace('http', 'ws')}/ws`);
  console.log(`sessions of each server: ${(await readAll(servers, 'mcp_sessions')).join(' and ')}`);

  const before = await Promise.all(ask(clients, 'before'));
  const { peak, refused } = simulator.log;
  console.log(`before:  ${before.length} of ${CLIENTS * CALLS_EACH} calls answered by both servers`);
  console.log(
    `         most at once: GLM ${peak.glm} of ${LIMITS.glm}, Kimi ${peak.kimi} of ${LIMITS.kimi}; refused by the account: ${refused}`,
  );

  const [first] = servers;
  // Long enough to be met in the middle.
  simulator.faults.set({ slowdown: 4 });
  const sessions = clients.map(({ sessionId }) => sessionId);
  const calls = ask(clients, 'after');
  while ((await read(first, 'mcp_account_leased')) === 0) await sleep(10);
  await first.stop('SIGKILL');
  simulator.faults.clear();
  console.log(`killed:  ${first.name}, while it had permits of the account`);
  const after = await Promise.all(calls);
  console.log(`after:   ${after.length} of ${CLIENTS * CALLS_EACH} calls ended with a result`);
  console.log(
    `         most at once: GLM ${simulator.log.peak.glm}, Kimi ${simulator.log.peak.kimi}; refused by the account: ${simulator.log.refused}`,
  );

  const seen = simulator.log.calls.length;
  const again = await Promise.all(ask(clients, 'after'));
  const same = again.filter(({ text }, index) => text === after[index]?.text).length;
  console.log(
    `again:   ${same} of ${again.length} keys have the same answer, with ${simulator.log.calls.length - seen} model calls`,
  );
  const kept = clients.filter(({ sessionId }, index) => sessionId === sessions[index]).length;
  console.log(`kept:    ${kept} of ${CLIENTS} clients are in the session they began with`);
  await Promise.all(clients.map((client) => client.close()));

  if (process.argv.includes('--stay')) {
    console.log(
      `\nTry: npm run load -- run baseline --url ${url.replace('http', 'ws')}/ws --time-scale ${simulator.timeScale} --duration 20s`,
    );
    console.log('Ctrl-C stops everything.');
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
} finally {
  await stopAll();
}

async function start() {
  const folder = await mkdtemp(join(tmpdir(), 'exai-cluster-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  // PostgreSQL and nginx's workers run as users of their own and must get to their files.
  await chmod(folder, 0o755);
  // An account with exactly these limits: one call too many at one time is refused.
  const simulator = await createSimulator({ timeScale: 0.02, limits: LIMITS });
  ends.push(() => simulator.close());
  const keep = (running: Running): Running => {
    ends.push(() => running.stop());
    return running;
  };
  const [redis, postgres] = await Promise.all([startRedis(folder).then(keep), startPostgres(folder).then(keep)]);
  const env = {
    EXAI_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    EXAI_POSTGRES_URL: `postgres://exai@127.0.0.1:${postgres.port}/postgres`,
    EXAI_WS_GLM_MAX_INFLIGHT: `${LIMITS.glm}`,
    EXAI_WS_KIMI_MAX_INFLIGHT: `${LIMITS.kimi}`,
    ZAI_API_KEY: 'any.key',
    MOONSHOT_API_KEY: 'any-key',
  };
  const shared = { env, baseURLs: [simulator.glm.baseURL, simulator.kimi.baseURL] };
  // Ready 10 s after Redis first hears of the account: it cannot know who held permits before.
  const both = ['server 1', 'server 2'].map((name) => startServer(name, folder, shared).then(keep));
  const [one, two] = await Promise.all([both[0]!, both[1]!]);
  const nginx = keep(await startNginx(folder, [one, two]));
  return { url: `http://127.0.0.1:${nginx.port}`, servers: [one, two] as const, simulator };
}

async function connectAll(url: string): Promise<ExaiClient[]> {
  const clients: ExaiClient[] = [];
  for (let nth = 1; nth <= CLIENTS; nth += 1) clients.push(await connect(url, { name: `client ${nth}` }));
  return clients;
}

/** Calls with keys: made again on whatever server is there, they are done once. */
function ask(clients: readonly ExaiClient[], when: string): Promise<CallAnswer>[] {
  return clients.flatMap((client, index) =>
    Array.from({ length: CALLS_EACH }, (_, nth) => {
      const provider = (index + nth) % 2 === 0 ? 'glm' : 'kimi';
      const idempotencyKey = `${when}-${index}-${nth}`;
      return client.call('chat', { prompt: `Question ${nth} of client ${index}`, provider }, { idempotencyKey });
    }),
  );
}

function readAll(servers: readonly Running[], family: string): Promise<number[]> {
  return Promise.all(servers.map((server) => read(server, family)));
}

/** The sum of a metric over its labels. */
async function read({ port }: Running, family: string): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const values = [...page.matchAll(new RegExp(`^${family}(?:{.*})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value));
  return values.reduce((sum, value) => sum + value, 0);
}

/** In the reverse order of the start; a second call finds nothing left. */
async function stopAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}
