import { sleep, type Clock } from './clock.ts';
import type { Connection, PlannedCall } from './driver.ts';
import type { InterferenceOptions } from './interference.ts';

const PROMPT = { prompt: 'ping' };
const DEADLINE_MS = 60_000;

/** What one block showed of the victim's calls, in milliseconds. */
export interface BlockTimes {
  /** From when each call was due to its answer. */
  responses: number[];
  /** How much later than due the same calls were sent. */
  lags: number[];
}

/** The session that calls evenly all the time. */
export class Victim {
  calls = 0;
  failures = 0;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #call: PlannedCall;
  readonly #gapMs: number;

  constructor(connection: Connection, clock: Clock, { victim }: InterferenceOptions) {
    this.#connection = connection;
    this.#clock = clock;
    this.#call = planned(victim);
    this.#gapMs = 1000 / victim.perSecond;
  }

  /** Calls on an absolute schedule for the length of a block and waits for the answers. */
  callFor(blockMs: number, settleMs: number): Promise<BlockTimes> {
    const clock = this.#clock;
    const start = clock.now();
    const times: BlockTimes = { responses: [], lags: [] };
    let open = 0;
    let isOver = false;
    return new Promise((resolve) => {
      const maybeEnd = (): void => {
        if (isOver && open === 0) resolve(times);
      };
      const turn = (index: number): void => {
        const due = start + index * this.#gapMs;
        if (due >= start + blockMs) {
          isOver = true;
          maybeEnd();
          return;
        }
        open += 1;
        this.calls += 1;
        const lagMs = clock.now() - due;
        this.#connection.send(this.#call, {
          event: () => undefined,
          piece: () => undefined,
          end: ({ outcome }) => {
            open -= 1;
            if (outcome !== 'ok') this.failures += 1;
            else if (due - start >= settleMs) {
              times.responses.push(clock.now() - due);
              times.lags.push(lagMs);
            }
            maybeEnd();
          },
        });
        clock.at(due + this.#gapMs, () => turn(index + 1));
      };
      turn(0);
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** The session that floods. */
export class Aggressor {
  calls = 0;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #call: PlannedCall;
  readonly #inFlight: number;
  readonly #handles = new Set<number>();
  #runs = false;

  constructor(connection: Connection, clock: Clock, { aggressor }: InterferenceOptions) {
    this.#connection = connection;
    this.#clock = clock;
    this.#call = planned(aggressor);
    this.#inFlight = aggressor.inFlight;
  }

  start(): void {
    this.#runs = true;
    for (let slot = 0; slot < this.#inFlight; slot += 1) this.#next();
  }

  /** Stops calling and gives up what is still in flight, so that nothing reaches into the next block. */
  async stop(): Promise<void> {
    this.#runs = false;
    for (const handle of this.#handles) this.#connection.abandon(handle, 'cancelled');
    this.#handles.clear();
    await sleep(this.#clock, 0);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #next(): void {
    if (!this.#runs) return;
    this.calls += 1;
    const handle = this.#connection.send(this.#call, {
      event: () => undefined,
      piece: () => undefined,
      end: ({ outcome }) => {
        this.#handles.delete(handle);
        if (outcome === 'ok') this.#next();
        // A refused aggressor asks again, but not in a busy loop.
        else this.#clock.at(this.#clock.now() + 5, () => this.#next());
      },
    });
    this.#handles.add(handle);
  }
}

function planned({ tool, provider, serviceMs }: { tool: string; provider?: string; serviceMs: number }): PlannedCall {
  return {
    entry: 0,
    tool,
    ...(provider !== undefined && { provider }),
    serviceMs,
    deadlineMs: DEADLINE_MS,
    forcedTimeout: false,
    arguments: { ...PROMPT, ...(provider !== undefined && { provider }), simulate: { serviceMs } },
  };
}
