import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { scoreCalibration } from './calibration-worlds.ts';
import { measureDecision } from './decision-cost.ts';
import type { Family } from './family.ts';
import { loadLateFamilies } from './late-families.ts';
import { LOOPS } from './loop-families.ts';
import { loadPeers } from './peers.ts';
import { runOnEngine, runWithCap, type Outcome } from './run-scenario.ts';
import { SOLVABLE } from './solvable-families.ts';

const full = process.argv.includes('--full');
const SEEDS = full ? 300 : 8;
const PEER_SEEDS = full ? 300 : 5;
const WORLDS = full ? 300 : 60;
const CAPS = [8, 10, 15, 20];

/** The last change of the controller. The second set of late families is younger than it; the first set is older. */
const CONTROLLER_COMMIT = '0f85492';
const CONTROLLER = ['src/decide.ts', 'src/detect-no-progress.ts', 'src/coverage.ts', 'src/apply-record.ts'];
const LATE = ['bench/late-families'];

const late = await loadLateFamilies();
const base = [...SOLVABLE, ...LOOPS];
const families = [...base, ...late];
/** Peers take most of the time, so the quick mode plays the 25 families only. */
const peerFamilies = full ? families : base;

console.log(
  `${families.length} families, ${late.length} of them late; ${SEEDS} seeds; peers ${PEER_SEEDS} seeds of ${peerFamilies.length} families`,
);
console.log(
  `controller ${CONTROLLER_COMMIT}, last changed ${commits(CONTROLLER)[0]}; late families committed ${commits(LATE).at(-1)}\n`,
);

const clean = await runAll((family, seed) => runOnEngine(family, seed, 'clean'));
const bare = await runAll((family, seed) => runOnEngine(family, seed, 'none'));
const noisy = await runAll((family, seed) => runOnEngine(family, seed, 'noisy'));
const literal = await runAll((family, seed) => runOnEngine(family, seed, 'none', { mode: 'literal' }));

const rows: [string, readonly Outcome[]][] = [
  ['ours + checklist', clean],
  ['ours, noisy checklist', noisy],
  ['ours, no checklist', bare],
  ['literal rule (50)', literal],
];
for (const cap of CAPS)
  rows.push([`fixed ${cap}`, await runAll(async (family, seed) => runWithCap(family, seed, cap))]);
for (const peer of await loadPeers())
  rows.push([peer.name, await runAll((family, seed) => peer.run(family, seed), PEER_SEEDS, peerFamilies)]);

printPolicies(rows);
printFamilies();

const cost = await measureDecision();
const calibration = scoreCalibration(WORLDS);
console.log(
  `\ndecision at step 50: ${cost.step.toFixed(4)} ms in the engine, ${cost.folded.toFixed(3)} ms from the whole journal`,
);
console.log(
  `calibration over ${WORLDS} worlds: ECE ${calibration.ece.toFixed(4)} (worst ${calibration.worstEce.toFixed(4)}), cold Brier minus prior ${calibration.coldMinusPrior.toFixed(4)} (worst ${calibration.worstCold.toFixed(4)})\n`,
);

const all = [...clean, ...bare];
const bars = [
  bar('premature-pct', Math.max(premature(clean), premature(bare)), '<=', 1),
  bar('false-loop-stop-pct', Math.max(falseLoop(clean), falseLoop(bare)), '<=', 0.5),
  bar(
    'false-done-pct-uncited',
    falseDone([...clean, ...bare, ...noisy].filter(({ family }) => family.uncited === true)),
    '==',
    0,
  ),
  bar('false-done-pct-noisy', falseDone(noisy), '<=', 3),
  bar('completed-pct-checklist', completed(clean), '>=', 95),
  bar('completed-pct-bare', completed(bare), '>=', 75),
  bar('wasted-steps-checklist', wasted(clean), '<=', 1),
  bar('wasted-steps-bare', wasted(bare), '<=', 6),
  bar('first-intervention-p95-steps', percentile(latencies(all), 0.95), '<=', 8),
  bar(
    'replay-identical',
    share([...clean, ...bare, ...noisy, ...literal], ({ replayed }) => replayed === true) / 100,
    '==',
    1,
  ),
  bar('ece-after-300', calibration.ece, '<=', 0.05),
  bar('brier-cold-minus-prior', calibration.coldMinusPrior, '<=', 0),
  bar('decision-ms-at-step-50', cost.step, '<=', 0.2),
];
const verifiedBare = bare.filter(({ verified }) => verified).length;
if (verifiedBare > 0) throw new Error(`${verifiedBare} runs without a checklist were marked verified`);
for (const { name, value, op, limit, ok } of bars)
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(30)} ${value} ${op} ${limit}`);
console.log(JSON.stringify({ bench: 'termination', node: process.version, bars }));
process.exitCode = bars.every(({ ok }) => ok) ? 0 : 1;

/** Commits that touched these files, newest first; the bench also runs outside a checkout. */
function commits(paths: readonly string[]): string[] {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  try {
    const log = execFileSync('git', ['log', '--format=%h %cI', '--', ...paths], { cwd, encoding: 'utf8' }).trim();
    return log === '' ? ['not yet'] : log.split('\n');
  } catch {
    return ['unknown'];
  }
}

async function runAll(
  run: (family: Family, seed: number) => Promise<Outcome>,
  seeds = SEEDS,
  played = families,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const family of played) for (let seed = 0; seed < seeds; seed += 1) outcomes.push(await run(family, seed));
  return outcomes;
}

function solvable(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ family, reachable }) => family.kind === 'solvable' && reachable);
}

function share(outcomes: readonly Outcome[], is: (outcome: Outcome) => boolean): number {
  return outcomes.length === 0 ? 0 : (100 * outcomes.filter(is).length) / outcomes.length;
}

function premature(outcomes: readonly Outcome[]): number {
  return share(solvable(outcomes), ({ solved }) => !solved);
}

function falseLoop(outcomes: readonly Outcome[]): number {
  return share(solvable(outcomes), ({ stop, solved }) => stop === 'no_progress' && !solved);
}

function falseDone(outcomes: readonly Outcome[]): number {
  return share(outcomes, ({ claimsDone, solved }) => claimsDone && !solved);
}

function completed(outcomes: readonly Outcome[]): number {
  return share(solvable(outcomes), ({ claimsDone, solved }) => claimsDone && solved);
}

function wasted(outcomes: readonly Outcome[]): number {
  const counted = solvable(outcomes);
  return counted.reduce((sum, outcome) => sum + outcome.wasted, 0) / Math.max(1, counted.length);
}

function latencies(outcomes: readonly Outcome[]): number[] {
  return outcomes.flatMap(({ latency }) => (latency === undefined ? [] : [latency])).sort((a, b) => a - b);
}

function percentile(sorted: readonly number[], at: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * at) - 1)] ?? 0;
}

function recovered(outcomes: readonly Outcome[]): number {
  return share(
    outcomes.filter(({ family, reachable }) => family.kind === 'loop' && reachable),
    ({ claimsDone, solved }) => claimsDone && solved,
  );
}

function bar(
  name: string,
  value: number,
  op: '<=' | '>=' | '==',
  limit: number,
): { name: string; value: number; op: string; limit: number; ok: boolean } {
  const ok = op === '<=' ? value <= limit : op === '>=' ? value >= limit : value === limit;
  return { name, value: Number(value.toFixed(4)), op, limit, ok };
}

function printPolicies(table: readonly [string, readonly Outcome[]][]): void {
  console.log(
    'policy                           done %  early %  false loop %  waste  loop p50/p95  recovered %  steps  false done %',
  );
  for (const [name, outcomes] of table) {
    const sorted = latencies(outcomes);
    const steps = outcomes.reduce((sum, outcome) => sum + outcome.steps, 0) / outcomes.length;
    const cells = [
      completed(outcomes).toFixed(1).padStart(6),
      premature(outcomes).toFixed(1).padStart(8),
      falseLoop(outcomes).toFixed(1).padStart(13),
      wasted(outcomes).toFixed(1).padStart(6),
      `${percentile(sorted, 0.5)}/${percentile(sorted, 0.95)}`.padStart(13),
      recovered(outcomes).toFixed(0).padStart(12),
      steps.toFixed(1).padStart(6),
      falseDone(outcomes).toFixed(1).padStart(13),
    ];
    console.log(`${name.padEnd(32)} ${cells.join(' ')}`);
  }
}

function printFamilies(): void {
  console.log(
    '\nfamily                       checklist: done %  waste | none: done %  waste  false done % | noisy false done % | first intervention max',
  );
  for (const family of families) {
    const of = (outcomes: readonly Outcome[]): Outcome[] => outcomes.filter((outcome) => outcome.family === family);
    const reach = (outcomes: readonly Outcome[]): Outcome[] => of(outcomes).filter(({ reachable }) => reachable);
    const done = (outcomes: readonly Outcome[]): string =>
      share(reach(outcomes), ({ claimsDone, solved }) => claimsDone && solved).toFixed(0);
    const waste = (outcomes: readonly Outcome[]): string =>
      (reach(outcomes).reduce((sum, outcome) => sum + outcome.wasted, 0) / Math.max(1, reach(outcomes).length)).toFixed(
        1,
      );
    const first = latencies([...of(clean), ...of(bare)]).at(-1) ?? '-';
    console.log(
      `${(late.includes(family) ? `late: ${family.name}` : family.name).padEnd(30)} ${done(clean).padStart(13)} ${waste(clean).padStart(7)} | ${done(bare).padStart(11)} ${waste(bare).padStart(6)} ${falseDone(of(bare)).toFixed(1).padStart(13)} | ${falseDone(of(noisy)).toFixed(1).padStart(18)} | ${String(first).padStart(6)}`,
    );
  }
}
