import { ScaleModel, type ScaleOrders, type ScaleSight } from './redis-scale-model.ts';
import { bar, printBars } from './bars.ts';

const isFull = process.argv.includes('--full');

/**
 * 10,000 sessions on 100 processes, spread over 10 accounts: 1,000 sessions of one account, 10 on each process. Calls of 50 ms,
 * a hundredth of what a model takes, so that the line to Redis is what limits. A script call costs what the real script was
 * measured to cost on a slow machine.
 */
const BASE: ScaleOrders = {
  processes: 100,
  sessions: 10,
  limit: 200,
  batch: 1,
  holdMs: 50,
  thinkMs: 50,
  scriptMs: 0.15,
  permitMs: 0.02,
  roundTripMs: 0.5,
  accounts: 10,
  simulatedMs: isFull ? 20_000 : 5000,
  seed: 11,
};

const COLUMNS = ['grants/s', 'calls/grant', 'Redis busy', 'limit used', 'fairness', 'wait p50 ms', 'wait p99 ms'];

function row(name: string, sight: ScaleSight): void {
  const { grantsPerSecond, callsPerGrant, serverBusy, inUse, fairness, waitP50Ms, waitP99Ms } = sight;
  const cells = [
    grantsPerSecond.toFixed(0),
    callsPerGrant.toFixed(2),
    `${(serverBusy * 100).toFixed(0)} %`,
    `${(inUse * 100).toFixed(0)} %`,
    fairness.toFixed(3),
    waitP50Ms.toFixed(0),
    waitP99Ms.toFixed(0),
  ];
  console.log(`  ${name.padEnd(30)}${cells.map((cell) => cell.padStart(12)).join('')}`);
}

function table(title: string, rows: readonly (readonly [string, Partial<ScaleOrders>])[]): ScaleSight[] {
  console.log(`\n${title}\n  ${''.padEnd(30)}${COLUMNS.map((column) => column.padStart(12)).join('')}`);
  return rows.map(([name, orders]) => {
    const sight = new ScaleModel({ ...BASE, ...orders }).run();
    row(name, sight);
    return sight;
  });
}

const [calm] = table('calls of 5 s, as of a model: 1,000 sessions of one account, 10 accounts on one Redis', [
  ['batch 1', { holdMs: 5000, thinkMs: 5000, simulatedMs: isFull ? 200_000 : 60_000 }],
]);
const byBatch = table(
  'calls of 50 ms, by batch: 100 processes, limit 200, 10 accounts on one Redis',
  [1, 2, 4, 8, 16, 32].map((batch) => [`batch ${batch}`, { batch }]),
);
const spread = table(
  'one account on a Redis of its own (10 slots of a cluster), by batch',
  [1, 4, 16].map((batch) => [`batch ${batch}`, { batch, accounts: 1 }]),
);
const byProcesses = table(
  'by processes, 1,000 sessions in all, batch 1, one account on its own Redis',
  [2, 10, 50, 100, 250].map((processes) => [
    `${processes} processes`,
    { processes, sessions: 1000 / processes, accounts: 1 },
  ]),
);

/** What the paper says, held against the model. */
bar('model-calls-redis-busy', '<=', 0.5, calm?.serverBusy ?? Number.NaN);
bar('model-calls-limit-used', '>=', 0.95, calm?.inUse ?? Number.NaN);
bar(
  'short-calls-gain-of-batch-16',
  '>=',
  2,
  (byBatch[4]?.grantsPerSecond ?? 0) / (byBatch[0]?.grantsPerSecond ?? Infinity),
);
bar('calls-per-grant-batch-16', '<=', 0.5, byBatch[4]?.callsPerGrant ?? Number.NaN);
bar('fairness-batch-16', '>=', 0.9, byBatch[4]?.fairness ?? Number.NaN);
bar('own-redis-batch-4-limit-used', '>=', 0.85, spread[1]?.inUse ?? Number.NaN);
bar('fairness-by-processes', '>=', 0.95, Math.min(...byProcesses.map(({ fairness }) => fairness)));
printBars('scale');
