import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildSync } from 'esbuild';

import {
  checkComparison,
  countPermits,
  createRandom,
  httpFaults,
  runScenario,
  testInterference,
  virtual,
  VirtualClock,
  ws,
} from '../src/index.ts';
import type { CallRecord, Distribution, Driver, LatencySummary, Scenario } from '../src/index.ts';
import { medianOf, percentileOf } from '../src/statistics.ts';

const isFull = process.argv.includes('--full');
const peers = fileURLToPath(new URL('../../../bench-peers/loadtest', import.meta.url));
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

interface Bar {
  name: string;
  value: number;
  op: '<=' | '>=' | 'in';
  limit: number | [number, number];
  ok: boolean;
  note: string;
}
const bars: Bar[] = [];
function bar(name: string, value: number, op: Bar['op'], limit: Bar['limit'], note: string): void {
  const ok =
    typeof limit === 'number'
      ? op === '<='
        ? value <= limit
        : value >= limit
      : value >= limit[0] && value <= limit[1];
  bars.push({ name, value: Math.round(value * 1000) / 1000, op, limit, ok: ok && Number.isFinite(value), note });
  console.log(
    `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(30)} ${value.toPrecision(4).padStart(9)}  ${op} ${String(limit)}   ${note}`,
  );
}
const spread = (values: readonly number[]): string =>
  `${Math.min(...values).toPrecision(3)} to ${Math.max(...values).toPrecision(3)}`;
const median = (values: readonly number[]): number => medianOf(values) ?? Number.NaN;

interface Peer {
  child: ChildProcess;
  port: number;
  stubUrl: string;
  stubHttpUrl: string;
}

function startPeer(): Promise<Peer> {
  const child = fork(here('peer-server.ts'), [], {
    execArgv: ['--conditions=@exai/source', '--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the peer server ended')));
    child.stdout?.once('data', (data) => resolve({ child, ...JSON.parse(String(data)) }));
  });
}

interface ClientRun {
  done: number;
  ms: number;
  cpuUs: number;
  totalCpuUs: number;
}

/** The client as it is published: plain JavaScript. It lies in the package's folder, where its dependencies are found. */
function buildClient(): string {
  const outdir = here('../node_modules/.bench');
  buildSync({
    entryPoints: [here('client.ts')],
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@exai/source'],
    external: ['ws', 'undici'],
    outdir,
    outExtension: { '.js': '.mjs' },
  });
  return join(outdir, 'client.mjs');
}

/** Runs `first` calls from a cold start (`totalCpuUs`), then `count` more (`cpuUs`). */
function client(kind: string, url: string, first: number, count: number, sockets = 15): ClientRun {
  const args = [clientFile, kind, url, String(first), String(count), String(sockets)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8 })) as ClientRun;
}

/** CPU seconds (user and system) and output of a command with all its children. */
function timed(command: string, args: readonly string[]): Promise<{ cpuSeconds: number; output: string }> {
  const child = spawn('bash', ['-c', 'TIMEFORMAT="CPU %U %S"; time "$0" "$@"', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  child.stderr.on('data', (data) => (output += String(data)));
  return new Promise((resolve) => {
    child.on('close', () => {
      const [, user = '0', system = '0'] = /CPU ([\d.]+) ([\d.]+)/.exec(output) ?? [];
      resolve({ cpuSeconds: Number(user) + Number(system), output });
    });
  });
}

function installPeers(): void {
  if (existsSync(join(peers, 'node_modules', 'artillery'))) return;
  console.log('installing artillery 2.0.21 and autocannon 9.0.0 into bench-peers/loadtest (once, about 600 MB)');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: peers,
    stdio: 'ignore',
  });
}

const percentileIn = (latency: LatencySummary | undefined, p: number): number =>
  latency?.percentiles.find((one) => one.p === p)?.value ?? Number.NaN;
const percent = (values: readonly number[], p: number): number =>
  percentileOf(Float64Array.from(values).sort(), p) ?? Number.NaN;

/** 100 calls a second for 6 s, the server blocked for one of them: what users waited, against the server's own log. */
async function stallTest({ port }: Peer): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}/log`)).json();
  const scenario: Scenario = {
    name: 'stall',
    durationMs: 6000,
    load: { kind: 'open', sessions: 10, rate: 100, arrivals: { kind: 'constant' } },
    mix: [{ tool: 'chat', weight: 100, deadlineMs: 30_000 }],
  };
  let origin = Number.POSITIVE_INFINITY;
  const dues: number[] = [];
  const responses: number[] = [];
  setTimeout(() => void fetch(`http://127.0.0.1:${port}/stall?ms=1000`), 2500);
  await runScenario(scenario, {
    driver: ws({ url: `ws://127.0.0.1:${port}/ws` }),
    maxStallMs: 60_000,
    onCall: ({ due, lagMs, serviceMs }: CallRecord) => {
      origin = Math.min(origin, nowMs() - (due + lagMs + serviceMs));
      dues.push(due);
      responses.push(lagMs + serviceMs);
    },
  });
  const log = (await (await fetch(`http://127.0.0.1:${port}/log`)).json()) as { answeredAt: number }[];
  dues.sort((a, b) => a - b);
  const answers = log.map(({ answeredAt }) => answeredAt).sort((a, b) => a - b);
  const truth = answers.map((at, index) => at - origin - (dues[index] ?? 0));
  const errors = [0.5, 0.9, 0.99].map((p) => {
    const [own, real] = [percent(responses, p), percent(truth, p)];
    return (100 * Math.max(0, Math.abs(own - real) - 2)) / real;
  });
  const shown = [0.5, 0.9, 0.99]
    .map((p) => `${percent(responses, p).toFixed(1)}/${percent(truth, p).toFixed(1)}`)
    .join(' ');
  bar(
    'stall-error-pct',
    Math.max(...errors),
    '<=',
    3,
    `p50 p90 p99 ours/server ms: ${shown}, ${log.length} of ${dues.length} calls`,
  );
}

/** Service times that the server also measured itself. */
async function accuracyTest({ port }: Peer): Promise<void> {
  const known: [string, Distribution][] = [
    ['constant', { dist: 'constant', ms: 50 }],
    ['uniform', { dist: 'uniform', minMs: 20, maxMs: 80 }],
    ['bimodal', { dist: 'choice', valuesMs: [10, 10, 10, 100] }],
  ];
  let worst = 0;
  const notes: string[] = [];
  for (const [name, service] of known) {
    await (await fetch(`http://127.0.0.1:${port}/log`)).json();
    const result = await runScenario(
      {
        name,
        durationMs: isFull ? 6000 : 1500,
        load: { kind: 'open', sessions: 10, rate: 100 },
        mix: [{ tool: 'chat', weight: 100, service, deadlineMs: 30_000 }],
      },
      { driver: ws({ url: `ws://127.0.0.1:${port}/ws` }), maxStallMs: 60_000 },
    );
    const log = (await (await fetch(`http://127.0.0.1:${port}/log`)).json()) as {
      arrivedAt: number;
      answeredAt: number;
    }[];
    const truth = log.map(({ arrivedAt, answeredAt }) => answeredAt - arrivedAt);
    for (const p of [0.5, 0.9, 0.99]) {
      const own = percentileIn(result.totals.latency.service, p);
      worst = Math.max(worst, (100 * Math.max(0, Math.abs(own - percent(truth, p)) - 1)) / percent(truth, p));
    }
    notes.push(
      `${name} p50 ${percentileIn(result.totals.latency.service, 0.5).toFixed(1)}/${percent(truth, 0.5).toFixed(1)} p99 ${percentileIn(result.totals.latency.service, 0.99).toFixed(1)}/${percent(truth, 0.99).toFixed(1)}`,
    );
  }
  bar('accuracy-error-pct', worst, '<=', 1, `ours/server ms: ${notes.join(', ')}`);
}

function wsRate({ port }: Peer): { cpuUs: number; totalCpuUs: number } {
  const url = `ws://127.0.0.1:${port}/ws`;
  const count = isFull ? 80_000 : 20_000;
  const [ratios, ours, bare]: [number[], ClientRun[], ClientRun[]] = [[], [], []];
  for (let round = 0; round < (isFull ? 5 : 2); round += 1) {
    const order = round % 2 === 0 ? ['bare-ws', 'ours-ws'] : ['ours-ws', 'bare-ws'];
    for (const kind of order) (kind === 'ours-ws' ? ours : bare).push(client(kind, url, 20_000, count, 20));
    const [own, plain] = [ours.at(-1), bare.at(-1)];
    if (own && plain) ratios.push(own.done / own.ms / (plain.done / plain.ms));
  }
  const rate = (runs: readonly ClientRun[]): number => median(runs.map(({ done, ms }) => (done / ms) * 1000));
  const cpu = (runs: readonly ClientRun[]): number => median(runs.map(({ done, cpuUs }) => cpuUs / done));
  bar(
    'ws-rate-vs-bare',
    median(ratios),
    '>=',
    0.6,
    `ours ${rate(ours).toFixed(0)}/s (${cpu(ours).toFixed(1)} µs), bare ${rate(bare).toFixed(0)}/s (${cpu(bare).toFixed(1)} µs), ratios ${spread(ratios)}`,
  );
  return { cpuUs: cpu(ours), totalCpuUs: median(ours.map(({ totalCpuUs }) => totalCpuUs)) };
}

function artilleryRun(port: number, messages: number): Promise<{ cpuSeconds: number; output: string }> {
  const users = 20;
  const payload = {
    type: 'call',
    id: 'c1',
    tool: 'chat',
    arguments: { prompt: 'In one sentence: what does a semaphore protect?' },
    deadlineMs: 60_000,
    stream: true,
  };
  const script = {
    config: {
      target: `ws://127.0.0.1:${port}/ws`,
      phases: [{ duration: 1, arrivalCount: users }],
      ws: { subprotocols: ['exai.v1'] },
    },
    scenarios: [
      {
        engine: 'ws',
        flow: [{ loop: [{ send: { payload, capture: { json: '$.type', as: 'kind' } } }], count: messages / users }],
      },
    ],
  };
  const file = join(mkdtempSync(join(tmpdir(), 'artillery-')), 'script.json');
  writeFileSync(file, JSON.stringify(script));
  return timed(process.execPath, [join(peers, 'node_modules/artillery/bin/run'), 'run', '--quiet', file]);
}

async function httpRate({ port }: Peer): Promise<void> {
  const url = `http://127.0.0.1:${port}/call`;
  const count = isFull ? 60_000 : 15_000;
  const body = JSON.stringify({
    tool: 'chat',
    arguments: { prompt: 'In one sentence: what does a semaphore protect?' },
    session: '1',
  });
  const [ours, theirs]: [number[], number[]] = [[], []];
  const autocannon = join(peers, 'node_modules/autocannon/autocannon.js');
  const cannon = async (amount: number): Promise<number> =>
    (
      await timed(process.execPath, [
        autocannon,
        '-c',
        '15',
        '-a',
        String(amount),
        '-m',
        'POST',
        '-H',
        'content-type=application/json',
        '-b',
        body,
        '-n',
        url,
      ])
    ).cpuSeconds;
  for (let round = 0; round < (isFull ? 3 : 2); round += 1) {
    const own = client('ours-http', url, 2000, count);
    ours.push(own.cpuUs / own.done);
    // Its marginal cost: start-up is not what is compared.
    theirs.push((((await cannon(count + 2000)) - (await cannon(2000))) * 1e6) / count);
  }
  bar(
    'http-cpu-vs-autocannon',
    median(ours) / median(theirs),
    '<=',
    1.8,
    `CPU per request: ours ${median(ours).toFixed(1)} µs (${spread(ours)}), autocannon ${median(theirs).toFixed(1)} µs (${spread(theirs)})`,
  );
}

async function memoryTest(): Promise<void> {
  const used = (): number => {
    globalThis.gc?.();
    // Typed arrays are part of what is external.
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 2 ** 20;
  };
  const calls = 1_000_000;
  let seen = 0;
  let before = 0;
  let after = 0;
  const clock = new VirtualClock({ synchronous: true });
  await clock.run(
    runScenario(
      {
        name: 'memory',
        durationMs: 1e9,
        maxCalls: calls,
        load: { kind: 'closed', sessions: 20 },
        mix: [{ tool: 'chat', weight: 100, service: { dist: 'uniform', minMs: 1, maxMs: 20 } }],
      },
      {
        clock,
        driver: virtual({ clock, limits: { global: 50, session: 5, providers: { glm: 50 } } }),
        onCall: () => {
          seen += 1;
          if (seen === 1000) before = used();
          if (seen === calls) after = used();
        },
      },
    ),
  );
  bar('memory-growth-mb', after - before, '<=', 50, `held by ${seen} calls, after a forced collection`);
}

async function nullAlarms(): Promise<void> {
  const runs = 200;
  const seeds = createRandom(7, 'null');
  let alarms = 0;
  for (let run = 0; run < runs; run += 1) {
    const clock = new VirtualClock({ synchronous: false });
    const noise = createRandom(seeds.below(2 ** 31), 'noise');
    const driver = virtual({ clock, limits: { global: 1e6, session: 1e6, providers: { glm: 1e6 } } });
    // An independent server whose calls vary: the medians of the blocks differ by chance alone.
    const noisy: Driver = {
      ...driver,
      connect: async (session, onClose) => {
        const inner = await driver.connect(session, onClose);
        return {
          send: (call, sink) =>
            inner.send({ ...call, serviceMs: (call.serviceMs ?? 0) * Math.exp(0.5 * noise.normal()) }, sink),
          abandon: (handle, why) => inner.abandon(handle, why),
          close: () => inner.close(),
        };
      },
    };
    const { verdict } = await clock.run(
      testInterference({
        clock,
        driver: noisy,
        seed: run + 1,
        blockMs: isFull ? 700 : 400,
        victim: { tool: 'chat', serviceMs: 8, perSecond: 25 },
        aggressor: { tool: 'chat', serviceMs: 40, inFlight: isFull ? 8 : 2 },
      }),
    );
    if (verdict === 'interference') alarms += 1;
  }
  bar('null-alarms', alarms, '<=', 7, `of ${runs} runs against an independent server at alpha 0.01`);
}

async function gateTests(): Promise<void> {
  const pairs = isFull ? 1000 : 200;
  const same = await checkComparison({ pairs });
  bar('aa-alarm-pct', same.alarmPercent, '<=', 5, `${same.alarms} of ${pairs} comparisons of 5 + 5 virtual runs`);
  const power = await checkComparison({ pairs: isFull ? 200 : 40, slower: 1.3, calls: 300 });
  bar(
    'power-30-pct',
    (100 * power.verdicts.regressed) / power.pairs,
    '>=',
    90,
    `+30 % service at utilisation 0.5, ${power.pairs} comparisons`,
  );
}

async function permitTests({ stubUrl, stubHttpUrl }: Peer): Promise<void> {
  const count = async (): Promise<number[]> => {
    const found: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { permits } = await countPermits({
        createDriver: () => ws({ url: stubUrl }),
        durationMs: isFull ? 2000 : 700,
      });
      found.push(permits);
    }
    return found;
  };
  const five = await count();
  bar('permits-5', median(five), 'in', [4.9, 5.2], five.map((value) => value.toFixed(2)).join(' '));
  await httpFaults({ url: `${stubHttpUrl}/admin/faults` }).inject({ at: 0, kind: 'leak', provider: 'glm', count: 1 });
  const four = await count();
  bar('permits-4', median(four), 'in', [3.9, 4.2], `one leaked: ${four.map((value) => value.toFixed(2)).join(' ')}`);
}

const started = performance.now();
const clientFile = buildClient();
installPeers();
const peer = await startPeer();
// One after another: clients that share the machine cost each other CPU time.
const timer = (name: string): void =>
  console.log(`     ${name} at ${((performance.now() - started) / 1000).toFixed(0)} s`);
await stallTest(peer);
await accuracyTest(peer);
timer('permits');
await permitTests(peer);
timer('rates');
const own = wsRate(peer);
await httpRate(peer);
timer('artillery');
const many = isFull ? 100_000 : 60_000;
const short = await artilleryRun(peer.port, 20_000);
const long = await artilleryRun(peer.port, many);
timer('simulations');
await nullAlarms();
await gateTests();
await memoryTest();
const marginalUs = ((long.cpuSeconds - short.cpuSeconds) * 1e6) / (many - 20_000);
bar(
  'ws-cpu-vs-artillery-marginal',
  own.cpuUs / marginalUs,
  '<=',
  1,
  `CPU per message: ours ${own.cpuUs.toFixed(1)} µs, artillery ${marginalUs.toFixed(1)} µs (${many / 1000}k less 20k)`,
);
bar(
  'ws-total-cpu-vs-artillery',
  own.totalCpuUs / 1e6 / short.cpuSeconds,
  '<=',
  0.2,
  `CPU of a run of 20k: ours ${(own.totalCpuUs / 1e6).toFixed(2)} s, artillery ${short.cpuSeconds.toFixed(2)} s`,
);
peer.child.disconnect();
const isOk = bars.every(({ ok }) => ok);
console.log(
  `${bars.filter(({ ok }) => ok).length} of ${bars.length} bars hold, ${((performance.now() - started) / 1000).toFixed(0)} s, Node ${process.version}${isFull ? '' : ', quick (add -- --full for the figures of a note)'}`,
);
console.log(
  JSON.stringify({
    bench: 'loadtest',
    node: process.version,
    bars: bars.map(({ name, value, op, limit, ok }) => ({ name, value, op, limit, ok })),
  }),
);
process.exit(isOk ? 0 : 1);
