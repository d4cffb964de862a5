// Ours, a bare loop, artillery and autocannon against one server.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { buildSync } from 'esbuild';

import { sleep, systemClock } from '../src/clock.ts';
import { bar, median, spread } from './bars.ts';
import type { Peer } from './peer.ts';

const isFull = process.argv.includes('--full');
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const peers = here('../../../bench-peers/loadtest');
/** Inside the package, where its dependencies are found. */
const built = here('../node_modules/.bench');
/** Without certificates of the machine's own: to read them takes a twentieth of a second, and no client here needs one. */
const env = { ...process.env, NODE_EXTRA_CA_CERTS: '' };
const PROMPT = { prompt: 'In one sentence: what does a semaphore protect?' };

/** Builds the package as it is published, and the client that uses it. */
export function buildClient(): void {
  const tsup = here('../../../node_modules/.bin/tsup');
  execFileSync(tsup, ['--no-dts', '--silent', '--out-dir', join(built, 'dist')], { cwd: here('..'), stdio: 'inherit' });
  buildSync({
    entryPoints: [here('client.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['ws'],
    outfile: join(built, 'client.mjs'),
  });
}

/** Installs artillery and autocannon where only this bench finds them. */
export function installPeers(): void {
  if (existsSync(join(peers, 'node_modules', 'artillery'))) return;
  console.log('installing artillery 2.0.21 and autocannon 9.0.0 into bench-peers/loadtest (once, about 600 MB)');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'], {
    cwd: peers,
    stdio: 'ignore',
  });
}

interface ClientRun {
  done: number;
  ms: number;
  cpuUs: number;
  totalCpuUs: number;
}

/** Runs `first` calls from a cold start (`totalCpuUs`), then `count` more (`cpuUs`). */
function client(kind: string, url: string, first: number, count: number, sockets: number): ClientRun {
  const library = pathToFileURL(join(built, 'dist', 'index.js')).href;
  const cannon = pathToFileURL(join(peers, 'node_modules/autocannon/autocannon.js')).href;
  const args = [
    join(built, 'client.mjs'),
    kind === 'autocannon' ? cannon : library,
    kind,
    url,
    String(first),
    String(count),
    String(sockets),
  ];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1e8, env })) as ClientRun;
}

/** CPU seconds (user and system) and output of a command with all its children. */
function timed(command: string, args: readonly string[]): Promise<{ cpuSeconds: number; output: string }> {
  const child = spawn('bash', ['-c', 'TIMEFORMAT="CPU %U %S"; time "$0" "$@"', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
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

/** CPU of our WebSocket driver, in microseconds. */
export interface OwnCost {
  perMessage: number;
  /** Of a whole run of 20,000 messages, from the start of the process. */
  whole: number;
}

/** Our driver and the loop that anybody would write by hand, in turns. */
export function measureWs({ port }: Peer): void {
  const url = `ws://127.0.0.1:${port}/ws`;
  const count = isFull ? 80_000 : 12_000;
  const [ratios, ours, bare]: [number[], ClientRun[], ClientRun[]] = [[], [], []];
  for (let round = 0; round < (isFull ? 5 : 3); round += 1) {
    const order = round % 2 === 0 ? ['bare-ws', 'ours-ws'] : ['ours-ws', 'bare-ws'];
    for (const kind of order) (kind === 'ours-ws' ? ours : bare).push(client(kind, url, 2000, count, 20));
    const [own, plain] = [ours.at(-1), bare.at(-1)];
    if (own && plain) ratios.push(own.done / own.ms / (plain.done / plain.ms));
  }
  const rate = (runs: readonly ClientRun[]): number => median(runs.map(({ done, ms }) => (done / ms) * 1000));
  const cpu = (runs: readonly ClientRun[]): number => median(runs.map(perCall));
  bar(
    'ws-rate-vs-bare',
    median(ratios),
    '>=',
    0.6,
    `ours ${rate(ours).toFixed(0)}/s (${cpu(ours).toFixed(1)} µs), bare ${rate(bare).toFixed(0)}/s (${cpu(bare).toFixed(1)} µs), ratios ${spread(ratios)}`,
  );
}

/** CPU of artillery, in seconds, for two lengths of run, and ours between them. */
export interface ArtilleryCost {
  own: OwnCost;
  many: number;
  short: number;
  long: number;
}

/** One run of 20,000 messages and a longer one. After its last message artillery idles for many seconds, and others may go on. */
export async function measureArtillery(peer: Peer): Promise<{ cost: Promise<ArtilleryCost> }> {
  const many = isFull ? 100_000 : 60_000;
  const url = `ws://127.0.0.1:${peer.port}/ws`;
  const ours: ClientRun[] = [];
  const runOurs = (): unknown => ours.push(client('ours-ws', url, 20_000, 10_000, 20));
  runOurs();
  const short = await startArtillery(peer, 20_000);
  runOurs();
  const long = await startArtillery(peer, many);
  runOurs();
  const own = {
    perMessage: median(ours.map(perCall)),
    whole: median(ours.map(({ totalCpuUs }) => totalCpuUs)),
  };
  const cost = Promise.all([short.cpuSeconds, long.cpuSeconds]);
  return { cost: cost.then(([one, two]) => ({ own, many, short: one, long: two })) };
}

async function startArtillery({ port }: Peer, messages: number): Promise<{ cpuSeconds: Promise<number> }> {
  const users = 20;
  const payload = { type: 'call', id: 'c1', tool: 'chat', arguments: PROMPT, deadlineMs: 60_000, stream: true };
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
  const answered = async (): Promise<number> => Number(await (await fetch(`http://127.0.0.1:${port}/count`)).text());
  const before = await answered();
  const state = { ended: false };
  const run = timed(process.execPath, [join(peers, 'node_modules/artillery/bin/run'), 'run', '--quiet', file]);
  const cpuSeconds = run.then(({ cpuSeconds: seconds }) => {
    state.ended = true;
    return seconds;
  });
  while (!state.ended && (await answered()) - before < messages) await sleep(systemClock, 100);
  // Its last report is still to be written.
  await sleep(systemClock, 500);
  return { cpuSeconds };
}

/** The two bars that compare with artillery. */
export function judgeArtillery({ own, many, short, long }: ArtilleryCost): void {
  const marginal = ((long - short) * 1e6) / (many - 20_000);
  bar(
    'ws-cpu-vs-artillery-marginal',
    own.perMessage / marginal,
    '<=',
    1,
    `CPU per message: ours ${own.perMessage.toFixed(1)} µs, artillery ${marginal.toFixed(1)} µs (${many / 1000}k less 20k)`,
  );
  bar(
    'ws-total-cpu-vs-artillery',
    own.whole / 1e6 / short,
    '<=',
    0.2,
    `CPU of a run of 20k: ours ${(own.whole / 1e6).toFixed(2)} s, artillery ${short.toFixed(2)} s`,
  );
}

/** Our HTTP driver and autocannon, in turns. Each does a first part, so that start-up and compiler are not what is compared. */
export function measureHttp({ port }: Peer): void {
  const url = `http://127.0.0.1:${port}/call`;
  const first = 5000;
  const count = isFull ? 60_000 : 10_000;
  const [ratios, ours, theirs]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < (isFull ? 7 : 3); round += 1) {
    const own = perCall(client('ours-http', url, first, count, 15));
    const other = perCall(client('autocannon', url, first, count, 15));
    ours.push(own);
    theirs.push(other);
    ratios.push(own / other);
  }
  bar(
    'http-cpu-vs-autocannon',
    median(ratios),
    '<=',
    1.8,
    `CPU per request: ours ${median(ours).toFixed(1)} µs (${spread(ours)}), autocannon ${median(theirs).toFixed(1)} µs (${spread(theirs)}), ratios ${spread(ratios)}`,
  );
}

function perCall({ cpuUs, done }: ClientRun): number {
  return cpuUs / done;
}
