import { compare, type CompareOptions, type Comparison } from './compare.ts';
import { createRandom } from './random.ts';
import { runScenario } from './run-scenario.ts';
import type { RunResult } from './run-result.ts';
import type { Scenario } from './scenario.ts';
import { VirtualClock } from './virtual-clock.ts';
import { virtual } from './virtual-driver.ts';

/** How the comparison itself is put to the test. */
export interface AaCheckOptions {
  /** Pairs of groups that are compared. @defaultValue 200 */
  pairs?: number;
  /** Runs a side. @defaultValue 5 */
  runs?: number;
  /** Calls of a run. @defaultValue 150 */
  calls?: number;
  /** Utilisation of the simulated server. @defaultValue 0.5 */
  utilisation?: number;
  /** Service time of the second side, as a multiple: 1 is "no change". @defaultValue 1 */
  slower?: number;
  /** @defaultValue 42 */
  seed?: number;
  compare?: CompareOptions;
}

/** How often the comparison raised an alarm. */
export interface AaCheck {
  pairs: number;
  alarms: number;
  /** Alarms by what was said. */
  verdicts: Record<Comparison['verdict'], number>;
  alarmPercent: number;
}

const SERVERS = 5;
const MEAN_MS = 20;

/**
 * Compares groups of runs of one simulated server with itself, many times: the share of alarms is the false-alarm rate of
 * the gate. With `slower` above 1 it is the gate's power instead.
 */
export async function checkComparison(options: AaCheckOptions = {}): Promise<AaCheck> {
  const { pairs = 200, runs = 5, slower = 1, seed = 42 } = options;
  const verdicts = { regressed: 0, improved: 0, no_change: 0, inconclusive: 0 };
  const seeds = createRandom(seed, 'aa');
  for (let pair = 0; pair < pairs; pair += 1) {
    const [before, after]: [RunResult[], RunResult[]] = [[], []];
    for (let run = 0; run < runs; run += 1) {
      before.push(await simulate(options, 1, seeds.below(2 ** 31)));
      after.push(await simulate(options, slower, seeds.below(2 ** 31)));
    }
    verdicts[compare(before, after, options.compare).verdict] += 1;
  }
  const alarms = verdicts.regressed + verdicts.improved;
  return { pairs, alarms, verdicts, alarmPercent: (100 * alarms) / pairs };
}

function simulate(
  { calls = 150, utilisation = 0.5 }: AaCheckOptions,
  slower: number,
  seed: number,
): Promise<RunResult> {
  const rate = (utilisation * SERVERS * 1000) / MEAN_MS;
  const scenario: Scenario = {
    name: 'aa',
    durationMs: (calls / rate) * 1000,
    load: { kind: 'open', sessions: SERVERS, rate, arrivals: { kind: 'poisson' } },
    mix: [
      {
        tool: 'chat',
        weight: 100,
        service: { dist: 'lognormal', meanMs: MEAN_MS * slower, sigma: 0.6 },
        deadlineMs: 60_000,
      },
    ],
  };
  const clock = new VirtualClock({ synchronous: true });
  const limits = { global: SERVERS, session: SERVERS, providers: { glm: SERVERS } };
  return clock.run(runScenario(scenario, { driver: virtual({ clock, limits }), clock, seed }));
}
