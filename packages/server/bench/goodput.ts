import { BenchClient, type Ended } from './bench-client.ts';
import { type Child, startChild } from './child.ts';
import type { Bar } from './server.bench.ts';
import { median } from './statistics.ts';

const STEP_MS = 50;
const PERMITS = 4;
const SESSIONS = 4;
/** Runs at once of each session at saturation: together as many as the door admits. */
const RUNS_EACH = 2;
const OVERLOAD = 2;
/** Deadline of a run: so many times the mean length of the newest ones at saturation, which is twice that of one alone. */
const PATIENCE = 2;
/** Runs that arrive in one round. */
const ASKED = { full: 320, quick: 80 };
const ROUNDS = { full: 4, quick: 1 };
/** Runs that each does before, so that it knows how long they take. */
const LEARN_RUNS = 16;
/** Share of a round before runs are counted: until then those that began with it are not through. */
const RAMP = 0.3;

/**
 * Runs of twelve steps, each step behind a permit, on two servers at the same time, so that what else the machine does meets both.
 * One is saturated: as many runs at once as it admits, each followed by the next, without deadlines. For each of its runs that ends, two
 * arrive at the other, with deadlines. Counted are runs per second that end well, which means in time.
 */
export async function goodput(full: boolean): Promise<Bar[]> {
  const sides = await Promise.all([0, 1].map(() => Side.start()));
  const size = full ? 'full' : 'quick';
  await learn(sides);
  const percents: number[] = [];
  const notes: string[] = [];
  for (let round = 0; round < ROUNDS[size]; round += 1) {
    const [one, other] = round % 2 === 0 ? sides : sides.toReversed();
    const { perSecond, possible, refused, givenUp, late } = await one!.overload(other!, ASKED[size]);
    percents.push((100 * perSecond) / possible);
    notes.push(
      `${perSecond.toFixed(1)} of ${possible.toFixed(1)} runs/s, of ${ASKED[size]} asked ${refused} refused at once, ${givenUp} while they waited, ${late} late`,
    );
  }
  await Promise.all(sides.map((side) => side.stop()));
  const note = `with ${OVERLOAD} times the load of a saturated server beside it: ${notes.join('; ')}`;
  return [{ name: 'goodput-2x-pct', value: median(percents), op: '>=', limit: 90, note }];
}

async function learn(sides: readonly Side[]): Promise<void> {
  const learnt = sides.map(
    (side) =>
      new Promise<void>((resolve) => {
        let runs = 0;
        const busy = side.saturate(() => {
          if ((runs += 1) === LEARN_RUNS) void busy.stop().then(resolve);
        });
      }),
  );
  await Promise.all(learnt);
}

/** One of the two servers, and the sessions that use it. */
class Side {
  readonly #server: Child;
  readonly #clients: readonly BenchClient[];

  private constructor(server: Child, clients: readonly BenchClient[]) {
    this.#server = server;
    this.#clients = clients;
  }

  static async start(): Promise<Side> {
    const server = await startChild('bench-server.ts', {
      globalMaxInFlight: PERMITS,
      glmMaxInFlight: PERMITS,
      sessionMaxInFlight: PERMITS,
      sessionMaxQueued: 1000,
    });
    const clients = await Promise.all(Array.from({ length: SESSIONS }, () => BenchClient.open(server.url)));
    return new Side(server, clients);
  }

  /** Keeps as many runs going as the door lets in, each followed by the next, until it is stopped. */
  saturate(onEnded: (end: Ended) => void): { readonly tally: Tally; stop(): Promise<void> } {
    const tally = new Tally();
    const stopping = new AbortController();
    const worker = async (client: BenchClient, index: number): Promise<void> => {
      // Not all at once: their steps would come in lumps for ever.
      await new Promise((resolve) => setTimeout(resolve, (index * STEP_MS) / PERMITS));
      while (!stopping.signal.aborted) {
        const end = await run(client, 600_000);
        tally.ended(end);
        onEnded(end);
      }
    };
    const working = Promise.all(
      Array.from({ length: RUNS_EACH }, () => this.#clients)
        .flat()
        .map(worker),
    );
    const stop = async (): Promise<void> => {
      stopping.abort();
      await working;
    };
    return { tally, stop };
  }

  /** Gets {@link OVERLOAD} runs for each that ends on the other side, from one session after the other, until so many have come. */
  async overload(other: Side, asked: number): Promise<Load> {
    const tally = new Tally();
    const startedAt = performance.now();
    const ends: Promise<void>[] = [];
    let allCame: () => void = () => undefined;
    const coming = new Promise<void>((resolve) => (allCame = resolve));
    const arrive = (deadlineMs: number): void => {
      if (ends.length >= asked) return;
      ends.push(run(this.#clients[ends.length % SESSIONS]!, deadlineMs).then((end) => tally.ended(end)));
      if (ends.length === asked) allCame();
    };
    const atOnce = RUNS_EACH * SESSIONS;
    const lengths: number[] = [];
    const busy = other.saturate(({ ranMs }) => {
      lengths.push(ranMs);
      const newest = lengths.slice(-atOnce);
      const lengthMs = newest.reduce((sum, ms) => sum + ms, 0) / newest.length;
      for (let n = 0; n < OVERLOAD; n += 1) {
        setTimeout(() => arrive(Math.round(PATIENCE * lengthMs)), (n * lengthMs) / atOnce / OVERLOAD);
      }
    });
    await coming;
    const to = performance.now();
    const from = startedAt + RAMP * (to - startedAt);
    await Promise.all([...ends, busy.stop()]);
    const { refused, givenUp, late } = tally;
    const [perSecond, possible] = [tally.perSecond(from, to), busy.tally.perSecond(from, to)];
    return { perSecond, possible, refused, givenUp, late };
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

/** What came of the runs of a round. */
interface Load {
  /** Runs per second that ended well, of this side and of the saturated one. */
  readonly perSecond: number;
  readonly possible: number;
  readonly refused: number;
  readonly givenUp: number;
  readonly late: number;
}

function run(client: BenchClient, deadlineMs: number): Promise<Ended> {
  return client.call('twelve', { provider: 'glm', stepMs: STEP_MS }, { deadlineMs });
}

/** How runs ended. */
class Tally {
  readonly #good: { readonly from: number; readonly to: number }[] = [];
  refused = 0;
  givenUp = 0;
  late = 0;

  ended({ ok, code, ranMs }: Ended): void {
    const to = performance.now();
    if (ok) this.#good.push({ from: to - ranMs, to });
    else if (code === 'OVER_CAPACITY') this.refused += 1;
    else if (code === 'QUEUE_TIMEOUT') this.givenUp += 1;
    else this.late += 1;
  }

  /** Runs that ended well, per second between two times. A run counts by the share of its time that lies there: they end in lumps. */
  perSecond(from: number, to: number): number {
    const shares = this.#good.map(
      (run) => Math.max(0, Math.min(run.to, to) - Math.max(run.from, from)) / (run.to - run.from),
    );
    return shares.reduce((sum, share) => sum + share, 0) / ((to - from) / 1000);
  }
}
