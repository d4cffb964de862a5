// Against servers whose times are known: they measured them as well.
import { countPermits, httpFaults, runScenario, ws } from '../src/index.ts';
import type { CallRecord, Distribution, Driver, Scenario } from '../src/index.ts';
import { percentileOf } from '../src/statistics.ts';
import { bar, median, spread } from './bars.ts';
import type { Peer } from './peer.ts';

const isFull = process.argv.includes('--full');
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const percent = (values: readonly number[], p: number): number =>
  percentileOf(Float64Array.from(values).sort(), p) ?? Number.NaN;

/** What the server wrote down about one call. */
interface Served {
  tag: number;
  arrivedAt: number;
  answeredAt: number;
}

/** What the run and the server say about the same call, in milliseconds. */
interface Witnessed {
  tool: string;
  /** Measured by the load tester, from when the call was due and from when it was sent. */
  response: number;
  service: number;
  /** The same, up to when the server answered, by the clock that both processes share. */
  trueResponse: number;
  trueService: number;
  /** From when the server read the call: it cannot know how long that lay in its socket. */
  inServer: number;
}

/** Runs a scenario whose calls carry numbers, and finds each of them in the server's own log. */
async function witness(port: number, scenario: Scenario): Promise<Witnessed[]> {
  const readLog = async (): Promise<Served[]> =>
    (await (await fetch(`http://127.0.0.1:${port}/log`)).json()) as Served[];
  await readLog();
  // What was left by others is not collected in the middle of a measurement.
  globalThis.gc?.();
  const { driver, ending } = numbered(ws({ url: `ws://127.0.0.1:${port}/ws` }));
  const calls: (Pick<CallRecord, 'due' | 'lagMs' | 'serviceMs'> & { tool: string; tag: number })[] = [];
  let origin = Number.POSITIVE_INFINITY;
  const { mix } = scenario;
  await runScenario(scenario, {
    driver,
    maxStallMs: 60_000,
    onCall: ({ due, lagMs, serviceMs, entry, warmup }) => {
      origin = Math.min(origin, nowMs() - (due + lagMs + serviceMs));
      if (!warmup) calls.push({ due, lagMs, serviceMs, tool: mix[entry]?.tool ?? '', tag: ending() });
    },
  });
  const served = new Map((await readLog()).map((one) => [one.tag, one]));
  return calls.map(({ due, lagMs, serviceMs, tool, tag }) => {
    const { arrivedAt, answeredAt } = served.get(tag) ?? { arrivedAt: Number.NaN, answeredAt: Number.NaN };
    return {
      tool,
      response: lagMs + serviceMs,
      service: serviceMs,
      trueResponse: answeredAt - origin - due,
      trueService: answeredAt - origin - due - lagMs,
      inServer: answeredAt - arrivedAt,
    };
  });
}

/** Numbers the calls of a driver; `ending` is the number of the call whose end is being told. */
function numbered(driver: Driver): { driver: Driver; ending: () => number } {
  let sent = 0;
  let ending = -1;
  const connect: Driver['connect'] = async (session, onClose) => {
    const inner = await driver.connect(session, onClose);
    return {
      send(call, sink) {
        const tag = sent;
        sent += 1;
        return inner.send(
          { ...call, arguments: { ...call.arguments, tag } },
          {
            event: () => sink.event(),
            piece: (tokens) => sink.piece(tokens),
            end(end) {
              ending = tag;
              sink.end(end);
              ending = -1;
            },
          },
        );
      },
      abandon: (handle, why) => inner.abandon(handle, why),
      close: () => inner.close(),
    };
  };
  return { driver: { ...driver, connect }, ending: () => ending };
}

/** By how many percent a percentile is off, beyond `freeMs`; `NaN` when a call is missing in the server's log. */
function errorOf(own: readonly number[], real: readonly number[], p: number, freeMs: number): number {
  if (real.some(Number.isNaN)) return Number.NaN;
  const truth = percent(real, p);
  return (100 * Math.max(0, Math.abs(percent(own, p) - truth) - freeMs)) / truth;
}

const show = (own: readonly number[], real: readonly number[], p: number): string =>
  `${percent(own, p).toFixed(1)}/${percent(real, p).toFixed(1)}`;

/** 100 calls a second for 6 s, the server blocked for one of them: what users waited, against the server's own log. */
export async function stallTest({ port }: Peer): Promise<void> {
  setTimeout(() => void fetch(`http://127.0.0.1:${port}/stall?ms=1000`), 2500);
  const calls = await witness(port, {
    name: 'stall',
    durationMs: 6000,
    load: { kind: 'open', sessions: 10, rate: 100, arrivals: { kind: 'constant' } },
    mix: [{ tool: 'chat', weight: 100, deadlineMs: 30_000 }],
  });
  const own = calls.map(({ response }) => response);
  const real = calls.map(({ trueResponse }) => trueResponse);
  const shown = [0.5, 0.9, 0.99].map((p) => show(own, real, p)).join(' ');
  bar(
    'stall-error-pct',
    Math.max(...[0.5, 0.9, 0.99].map((p) => errorOf(own, real, p, 2))),
    '<=',
    3,
    `p50 p90 p99 ours/server ms: ${shown}, ${calls.length} calls`,
  );
}

const KNOWN: Readonly<Record<string, Distribution>> = {
  constant: { dist: 'constant', ms: 50 },
  uniform: { dist: 'uniform', minMs: 20, maxMs: 80 },
  bimodal: { dist: 'choice', valuesMs: [10, 10, 10, 100] },
};

/** Service times that are known, against the server's own log: the median of rounds, for the machine itself is late now and then. */
export async function accuracyTest({ port }: Peer): Promise<void> {
  const rounds: Awaited<ReturnType<typeof accuracyRound>>[] = [];
  for (let round = 0; round < (isFull ? 5 : 3); round += 1) rounds.push(await accuracyRound(port));
  rounds.sort((one, other) => one.worst - other.worst);
  const middle = rounds[rounds.length >> 1];
  const worsts = rounds.map(({ worst }) => worst);
  bar(
    'accuracy-error-pct',
    // A call that the server does not know of is no matter of chance.
    worsts.every(Number.isFinite) ? median(worsts) : Number.NaN,
    '<=',
    1,
    `rounds ${spread(worsts)}; ours/server ms: ${middle?.notes ?? 'none'}`,
  );
}

async function accuracyRound(port: number): Promise<{ worst: number; notes: string }> {
  const tools = Object.keys(KNOWN);
  const entry = (tool: string): Scenario['mix'][number] => ({
    tool,
    weight: 100 / tools.length,
    deadlineMs: 30_000,
    ...(KNOWN[tool] && { service: KNOWN[tool] }),
  });
  const calls = await witness(port, {
    name: 'accuracy',
    warmupMs: 300,
    durationMs: isFull ? 6000 : 2200,
    load: { kind: 'open', sessions: 10, rate: 300 },
    mix: tools.map(entry),
  });
  const errors: number[] = [];
  const notes = tools.map((tool) => {
    const some = calls.filter((call) => call.tool === tool);
    const [own, real] = [some.map(({ service }) => service), some.map(({ trueService }) => trueService)];
    errors.push(...[0.5, 0.9, 0.99].map((p) => errorOf(own, real, p, 1)));
    const read = some.map(({ inServer }) => inServer);
    return `${tool} p50 ${show(own, real, 0.5)} p99 ${show(own, real, 0.99)} (${percent(read, 0.99).toFixed(1)} once read)`;
  });
  return { worst: Math.max(...errors), notes: `${notes.join(', ')}, ${calls.length} calls` };
}

/** Permits counted from outside, of five and of another five with one of them leaked, side by side: both mostly wait. */
export async function permitTests({ stubs: [whole, leaking] }: Peer): Promise<void> {
  const count = async (url = ''): Promise<number[]> => {
    const found: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { permits } = await countPermits({ createDriver: () => ws({ url }), durationMs: isFull ? 2000 : 700 });
      found.push(permits);
    }
    return found;
  };
  const faults = httpFaults({ url: `${leaking?.httpUrl ?? ''}/admin/faults` });
  await faults.inject({ at: 0, kind: 'leak', provider: 'glm', count: 1 });
  const [five, four] = await Promise.all([count(whole?.url), count(leaking?.url)]);
  bar('permits-5', median(five), 'in', [4.9, 5.2], five.map((value) => value.toFixed(2)).join(' '));
  bar('permits-4', median(four), 'in', [3.9, 4.2], `one leaked: ${four.map((value) => value.toFixed(2)).join(' ')}`);
}
