/** What metrics cost: `npm run bench:metrics`, `-- --full` for more rounds. The last line is one JSON object. */
import { createMetrics } from '@exai/metrics';
import { TieredSemaphore } from '@exai/semaphore';
import { createServer, type ExaiServer } from '@exai/server';

import { DEFAULT_MODELS } from '../src/vocabularies.ts';
import { observeAll } from '../test/scripted-run.ts';
import { startBusyServer, tool } from './busy-server.ts';
import { type Comparison, interleave, median } from './interleave.ts';

const full = process.argv.includes('--full');
const ROUNDS = full ? 121 : 41;
const GRANTS = full ? 100_000 : 40_000;
const CALLS = full ? 2_000 : 700;
const SCRAPES = full ? 61 : 21;
const SESSIONS = 1_000;

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly op: '<' | '<=';
  readonly limit: number;
  readonly ok: boolean;
}

function bar(name: string, value: number, op: Bar['op'], limit: number): Bar {
  const rounded = Math.round(value * 100) / 100;
  return { name, value: rounded, op, limit, ok: op === '<' ? rounded < limit : rounded <= limit };
}

/** Microseconds of CPU of one acquire and release; CPU, so that other processes do not count. */
async function grantCost(semaphore: TieredSemaphore): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < GRANTS; index += 1) {
    const permit = await semaphore.acquire({ provider: 'glm', session: 's' });
    permit.release();
  }
  const used = process.cpuUsage(before);
  return (used.user + used.system) / GRANTS;
}

async function compareGrants(): Promise<Comparison> {
  const options = { global: 5, session: 2, providers: { glm: 2, kimi: 3 } };
  const [bare, observed] = [new TieredSemaphore(options), new TieredSemaphore(options)];
  const metrics = createMetrics();
  metrics.observeSemaphore(observed);
  const result = await interleave(
    ROUNDS,
    () => grantCost(bare),
    () => grantCost(observed),
  );
  metrics.close();
  await Promise.all([bare.close(), observed.close()]);
  return result;
}

/** Microseconds of CPU of one no-op call through the server's call service. */
async function callCost(server: ExaiServer): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < CALLS; index += 1)
    await new Promise<void>((resolve) => {
      server.service.run({
        transport: 'ws',
        principal: 'bench',
        session: 's',
        tool: 'noop',
        arguments: {},
        onEvent: ({ type }) => {
          if (type === 'result' || type === 'error') resolve();
        },
      });
    });
  const used = process.cpuUsage(before);
  return (used.user + used.system) / CALLS;
}

async function compareCalls(): Promise<Comparison> {
  const noop = tool('noop', async () => ({ text: '' }));
  const [bare, observed] = [
    await createServer({ port: 0, store: 'memory' }, { tools: [noop] }),
    await createServer({ port: 0, store: 'memory' }, { tools: [noop] }),
  ];
  bare.metrics.close();
  const result = await interleave(
    ROUNDS,
    () => callCost(bare),
    () => callCost(observed),
  );
  await Promise.all([bare.close({ graceMs: 0 }), observed.close({ graceMs: 0 })]);
  return result;
}

interface Scrape {
  readonly series: number;
  readonly blocks: readonly number[];
}

/** Renders in one turn: nothing else runs from the call to its resolution, so the time is the time the loop is blocked. */
async function measureScrapes(): Promise<Scrape> {
  const busy = await startBusyServer(SESSIONS);
  const { metrics, service } = busy.server;
  const provider = observeAll(createMetrics()).provider;
  metrics.observeProvider(provider, { provider: 'glm' });
  fillFamilies(busy.server, provider);
  const blocks: number[] = [];
  let text = '';
  for (let scrape = 0; scrape < SCRAPES; scrape += 1) {
    const start = performance.now();
    text = await metrics.registry.metrics();
    blocks.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (service.inFlight < SESSIONS) throw new Error(`only ${service.inFlight} calls in flight`);
  await busy.close();
  return { series: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length, blocks };
}

/** Every tool fails once on every transport, and a provider tells of every model there is, so that no family is empty. */
function fillFamilies({ service }: ExaiServer, provider: { emit(event: string, payload: object): void }): void {
  for (const name of service.tools.keys())
    for (const transport of ['ws', 'mcp', 'stdio'] as const)
      service.run({ transport, principal: 'p', session: 's', tool: name, arguments: null, onEvent: () => undefined });
  for (const model of [...DEFAULT_MODELS, 'made-up']) {
    provider.emit('attempt', { model });
    provider.emit('firstToken', { model, firstTokenMs: 1 });
    provider.emit('finished', { model, durationMs: 1, usage: { inputTokens: 1, outputTokens: 1 }, cost: 1 });
    provider.emit('failed', { model, code: 'TIMEOUT', phase: 'first', source: 'learned' });
  }
}

function row(name: string, unit: string, { without, with: withIt, percent, spread }: Comparison): string {
  return `${name.padEnd(24)} without ${without.toFixed(2)} ${unit}   with ${withIt.toFixed(2)} ${unit}   ${percent.toFixed(1)} %   rounds ${spread[0].toFixed(1)} … ${spread[1].toFixed(1)} %`;
}

async function main(): Promise<void> {
  const grants = await compareGrants();
  const calls = await compareCalls();
  const scrape = await measureScrapes();
  console.log(row('acquire + release (CPU)', 'µs', grants));
  console.log(row('no-op server call (CPU)', 'µs', calls));
  console.log(
    `scrape, ${SESSIONS} sessions     ${scrape.series} series   blocks ${median(scrape.blocks).toFixed(2)} ms   worst ${Math.max(...scrape.blocks).toFixed(2)} ms of ${SCRAPES}`,
  );
  const bars = [
    bar('grant-overhead-pct', grants.percent, '<=', 15),
    bar('server-call-overhead-pct', calls.percent, '<=', 20),
    bar('series', scrape.series, '<', 2000),
    bar('scrape-block-ms', median(scrape.blocks), '<=', 20),
  ];
  console.log(JSON.stringify({ bench: 'metrics', node: process.version, bars }));
  process.exit(bars.every(({ ok }) => ok) ? 0 : 1);
}

await main();
