// On a virtual clock: what needs hundreds of runs.
import { checkComparison, createRandom, runScenario, testInterference, virtual, VirtualClock } from '../src/index.ts';
import type { Driver } from '../src/index.ts';
import { bar } from './bars.ts';

const isFull = process.argv.includes('--full');

/** What a million calls leave in memory, while the run holds them. */
export async function memoryTest(): Promise<void> {
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

/** The interference test where there is none. */
export async function nullAlarms(): Promise<void> {
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

/** The regression gate against itself, and against a slower target. */
export async function gateTests(): Promise<void> {
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
