// Against servers whose times are known: they measured them as well.
import { countPermits, httpFaults, runScenario, ws } from '../src/index.ts';
import type { CallRecord, Distribution, LatencySummary, Scenario } from '../src/index.ts';
import { percentileOf } from '../src/statistics.ts';
import { bar, median } from './bars.ts';
import type { Peer } from './peer.ts';

const isFull = process.argv.includes('--full');
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const percentileIn = (latency: LatencySummary | undefined, p: number): number =>
  latency?.percentiles.find((one) => one.p === p)?.value ?? Number.NaN;
const percent = (values: readonly number[], p: number): number =>
  percentileOf(Float64Array.from(values).sort(), p) ?? Number.NaN;

/** 100 calls a second for 6 s, the server blocked for one of them: what users waited, against the server's own log. */
export async function stallTest({ port }: Peer): Promise<void> {
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
export async function accuracyTest({ port }: Peer): Promise<void> {
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

/** Permits counted from outside, of five and with one of them leaked. */
export async function permitTests({ stubUrl, stubHttpUrl }: Peer): Promise<void> {
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
