import { BenchClient, type Ended } from './bench-client.ts';
import { startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median } from './statistics.ts';

const STEP_MS = 60;
const PERMITS = 4;
const SESSIONS = 4;
const OVERLOAD = 2;
/** Of a run's length at saturation. */
const DEADLINE_FACTOR = 4;
/** Share of a phase before runs are counted: until then those that began with it are not through. */
const RAMP = 0.3;

/**
 * Runs of twelve steps, each step behind a permit. What the server can do is measured in the same run: as many runs at once as it
 * admits, each followed by the next (`saturated`). Then runs arrive at twice that rate, with deadlines (`overloaded`). Counted
 * are runs per second that end well, which means in time. Both speeds contain the machine's, so that their ratio is the server's own.
 */
export async function goodput(full: boolean): Promise<Bar[]> {
  const server = await startChild('bench-server.ts', {
    globalMaxInFlight: PERMITS,
    glmMaxInFlight: PERMITS,
    sessionMaxInFlight: PERMITS,
    sessionMaxQueued: 1000,
  });
  const clients = await Promise.all(Array.from({ length: SESSIONS }, () => BenchClient.open(server.url)));
  const runs = full ? 80 : 16;
  await saturated(clients, SESSIONS);
  const percents: number[] = [];
  const notes: string[] = [];
  for (let round = 0; round < (full ? 3 : 1); round += 1) {
    const before = await saturated(clients, runs);
    const over = await overloaded(clients, before, 2 * runs);
    const after = await saturated(clients, runs);
    const possible = (before + after) / 2;
    percents.push((100 * over.perSecond) / possible);
    notes.push(
      `${over.perSecond.toFixed(1)} of ${possible.toFixed(1)} runs/s, of ${over.asked} asked ${over.refused} refused, ${over.late} late`,
    );
  }
  await server.stop();
  const note = `with ${OVERLOAD} times the load, against saturation before and after: ${notes.join('; ')}`;
  return [{ name: 'goodput-2x-pct', value: median(percents), op: '>=', limit: 90, note }];
}

/** Runs per second while every session has two running: as many as the door lets in, each followed by the next. */
async function saturated(clients: readonly BenchClient[], runs: number): Promise<number> {
  const phase = new Phase();
  let left = runs;
  const worker = async (client: BenchClient): Promise<void> => {
    while (left > 0) {
      phase.ended(await run(client, 600_000));
      left -= 1;
    }
    phase.stop();
  };
  await Promise.all([...clients, ...clients].map(worker));
  return phase.perSecond;
}

/** Runs arrive one by one at {@link OVERLOAD} times `possible` per second, from one session after the other. */
async function overloaded(
  clients: readonly BenchClient[],
  possible: number,
  runs: number,
): Promise<{ perSecond: number; asked: number; refused: number; late: number }> {
  if (possible === 0) throw new Error('no run ended well at saturation');
  const phase = new Phase();
  const deadlineMs = Math.round((DEADLINE_FACTOR * PERMITS * 1000) / possible);
  const gapMs = 1000 / (OVERLOAD * possible);
  const ends: Promise<void>[] = [];
  while (ends.length < OVERLOAD * runs) {
    const client = clients[ends.length % clients.length]!;
    ends.push(run(client, deadlineMs).then((end) => phase.ended(end)));
    const dueAt = phase.startedAt + ends.length * gapMs;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
  }
  phase.stop();
  await Promise.all(ends);
  return { perSecond: phase.perSecond, asked: ends.length, refused: phase.refused, late: phase.late };
}

function run(client: BenchClient, deadlineMs: number): Promise<Ended> {
  return client.call('twelve', { provider: 'glm', stepMs: STEP_MS }, { deadlineMs });
}

/** The runs of a phase that end well, whenever they do. */
class Phase {
  readonly startedAt = performance.now();
  readonly #good: { readonly from: number; readonly to: number }[] = [];
  #stoppedAt: number | undefined;
  refused = 0;
  late = 0;

  ended({ ok, code, ranMs }: Ended): void {
    const to = performance.now();
    if (ok) this.#good.push({ from: to - ranMs, to });
    else if (code === 'OVER_CAPACITY') this.refused += 1;
    else this.late += 1;
  }

  /** Nothing new begins. */
  stop(): void {
    this.#stoppedAt ??= performance.now();
  }

  /** Good runs per second between the ramp and the stop. A run counts by the share of its time that lies there: they end in lumps. */
  get perSecond(): number {
    const stoppedAt = this.#stoppedAt ?? performance.now();
    const rampedAt = this.startedAt + RAMP * (stoppedAt - this.startedAt);
    const shares = this.#good.map(
      ({ from, to }) => Math.max(0, Math.min(to, stoppedAt) - Math.max(from, rampedAt)) / (to - from),
    );
    return shares.reduce((sum, share) => sum + share, 0) / ((stoppedAt - rampedAt) / 1000);
  }
}
