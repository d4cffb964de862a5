import { TieredSemaphore } from '../src/index.ts';
import { FakeClock, settled } from '../test/fake-clock.ts';
import { SeededRandom } from '../test/seeded-random.ts';

const LIGHT_CALLS = 1000;
const SERVICE_MS = { low: 1000, high: 9000 };
const THINK_MS = { low: 100, high: 3000 };

/**
 * The 99th percentile of one session's waits, in milliseconds of a simulated clock, while another session either has a backlog
 * of 10,000 calls or keeps 2 in flight. Both use the one provider; the limits are those of development.
 */
export async function lightWaitP99(backlog: number, seed: number): Promise<number> {
  const clock = new FakeClock();
  const random = new SeededRandom(seed);
  const limits = new TieredSemaphore({ global: 5, session: 2, providers: { glm: 2 }, clock, leak: 'off' });
  const state = { isOver: false };
  const serve = (): Promise<void> => sleep(clock, random.int(SERVICE_MS.low, SERVICE_MS.high));
  const hog = async (): Promise<void> => {
    while (!state.isOver) await limits.run({ provider: 'glm', session: 'hog' }, serve).catch(() => {});
  };
  const hogs = Array.from({ length: backlog }, hog);
  const waits: number[] = [];
  const light = async (): Promise<void> => {
    for (let n = 0; n < LIGHT_CALLS; n += 1) {
      await sleep(clock, random.int(THINK_MS.low, THINK_MS.high));
      const asked = clock.time;
      await limits.run({ provider: 'glm', session: 'light' }, () => {
        waits.push(clock.time - asked);
        return serve();
      });
    }
    state.isOver = true;
  };
  const done = light();
  while (!state.isOver) await clock.advance(60_000);
  limits.cancelAll();
  await clock.advance(60_000);
  await done;
  await Promise.all(hogs);
  await settled();
  return waits.toSorted((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? Number.NaN;
}

function sleep(clock: FakeClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.startTimer(resolve, ms, true));
}
