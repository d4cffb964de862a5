import { measureBundle } from './bundle-size.ts';
import { all, type Decoder, ours, peers } from './decoders.ts';
import { type Corpus, manyDeltas, oneEvent } from './wire-corpus.ts';

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly op: '<=' | '>=';
  readonly limit: number;
  readonly ok: boolean;
}

interface Timing {
  readonly medianMs: number;
  readonly spreadPct: number;
}

const isFull = process.argv.includes('--full');
const ROUNDS = isFull ? 15 : 7;
/** Rounds until the compiler has settled. */
const WARM_UP = 8;

/** As much as a socket usually gives at once, and one event at a time. */
const READS = 16_384;
const ONE_EVENT = 190;

/** Processor time of one run in milliseconds: on a shared machine the clock on the wall measures the neighbours. */
async function once(decoder: Decoder, corpus: Corpus): Promise<number> {
  const startedAt = process.cpuUsage();
  const length = await decoder.run(corpus);
  const { user, system } = process.cpuUsage(startedAt);
  const ms = (user + system) / 1000;
  if (length !== corpus.textLength)
    throw new Error(`${decoder.name} read ${length} of ${corpus.textLength} characters`);
  return ms;
}

/** Runs every task once per round, in turn, so that all see the same machine. */
async function interleave(tasks: readonly (() => Promise<number>)[]): Promise<Timing[]> {
  const times: number[][] = tasks.map(() => []);
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const [i, task] of tasks.entries()) {
      const ms = await task();
      if (round >= 0) times[i]?.push(ms);
    }
  }
  return times.map(toTiming);
}

function toTiming(times: number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { medianMs: at(0.5), spreadPct: ((at(0.9) - at(0.1)) / at(0.5)) * 100 };
}

function bar(name: string, value: number, op: Bar['op'], limit: number): Bar {
  return { name, value: Number(value.toFixed(3)), op, limit, ok: op === '<=' ? value <= limit : value >= limit };
}

async function throughput(title: string, corpus: Corpus): Promise<Map<string, Timing>> {
  const timings = await interleave(all.map((decoder) => () => once(decoder, corpus)));
  console.log(`\n${title}, by processor time: ${corpus.chunks} chunks, ${(corpus.bytes / 1e6).toFixed(1)} MB`);
  const byName = new Map<string, Timing>();
  for (const [i, decoder] of all.entries()) {
    const timing = timings[i] ?? { medianMs: Number.NaN, spreadPct: Number.NaN };
    byName.set(decoder.name, timing);
    const perSecond = (corpus.chunks / timing.medianMs) * 1000;
    const mb = corpus.bytes / 1e6 / (timing.medianMs / 1000);
    const figures =
      `${Math.round(perSecond).toLocaleString('en')} chunks/s`.padStart(20) + `${mb.toFixed(1)} MB/s`.padStart(13);
    console.log(`  ${decoder.name.padEnd(34)}${figures}   ± ${timing.spreadPct.toFixed(0)} %`);
  }
  return byName;
}

function againstPeers(timings: Map<string, Timing>): number {
  const faster = Math.min(...peers.map(({ name }) => timings.get(name)?.medianMs ?? Number.NaN));
  return faster / (timings.get(ours.name)?.medianMs ?? Number.NaN);
}

/** Time per byte of a large stream over that of a small one of the same kind; 1 is linear. */
async function scaling(title: string, small: Corpus, large: Corpus): Promise<number> {
  const repeats = Math.max(1, Math.round(large.bytes / small.bytes));
  const [one, many] = await interleave([
    () => once(ours, large),
    async () => {
      let ms = 0;
      for (let i = 0; i < repeats; i += 1) ms += await once(ours, small);
      return ms / repeats;
    },
  ]);
  const ratio = (one?.medianMs ?? Number.NaN) / large.bytes / ((many?.medianMs ?? Number.NaN) / small.bytes);
  console.log(
    `  ${title.padEnd(34)}${ratio.toFixed(2).padStart(8)} × the time per byte   ± ${one?.spreadPct.toFixed(0)} %`,
  );
  return ratio;
}

const deltas = manyDeltas(isFull ? 100_000 : 30_000, READS);
const bulk = await throughput('reads of 16 KB', deltas);
const single = await throughput('one event per read', manyDeltas(isFull ? 50_000 : 15_000, ONE_EVENT));

console.log('\nscaling');
const event = await scaling('an event of 1 MB over 64 KB', oneEvent(65_536, READS), oneEvent(1_048_576, READS));
const stream = await scaling('100,000 deltas over 10,000', manyDeltas(10_000, READS), manyDeltas(100_000, READS));

const bundle = await measureBundle();
console.log(`\nbundle: ${bundle.kbGzip.toFixed(1)} KB gzip, imports: ${bundle.imports.join(', ') || 'none'}`);
if (bundle.imports.length > 0) throw new Error(`the bundle imports ${bundle.imports.join(', ')}`);

const bars = [
  bar('decoder-vs-peer', Math.min(againstPeers(bulk), againstPeers(single)), '>=', 1.5),
  bar('decoder-scaling', Math.max(event, stream), '<=', 1.5),
  bar('bundle-kb-gzip', bundle.kbGzip, '<=', 40),
];
console.log(JSON.stringify({ bench: 'providers', node: process.version, bars }));
process.exitCode = bars.every(({ ok }) => ok) ? 0 : 1;
