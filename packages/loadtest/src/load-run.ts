import type { CallRecord, CallRecords } from './call-records.ts';
import type { CallSource } from './call-source.ts';
import type { Cancel, Clock } from './clock.ts';
import type { CallEnd, Driver, PlannedCall } from './driver.ts';
import { Flight, unsentRecord, type FlightOwner, type OnEnd } from './flight.ts';
import { noOutcomes, type Outcome, type OutcomeCounts } from './outcome.ts';
import type { ClientBehaviour } from './scenario.ts';
import { SessionLink, type LinkOwner } from './session-link.ts';
import type { SpendMeter } from './spend.ts';
import type { Random } from './random.ts';
import { TimeLimits } from './time-limits.ts';

/** How much longer than the deadline the client waits for an answer, in milliseconds. */
const ANSWER_GRACE_MS = 1000;

/** Settings of a {@link LoadRun}. */
export interface LoadRunOptions {
  driver: Driver;
  clock: Clock;
  records: CallRecords;
  source: CallSource;
  random: Random;
  client: ClientBehaviour;
  warmupMs: number;
  maxCalls: number;
  /** Ends the load when it has cost enough. */
  spend?: SpendMeter;
  /** Told of every call as it ends. */
  onRecord?: (record: CallRecord) => void;
}

/**
 * The heart of a run: launches calls over sessions, times them from when they were *due*, and turns each into exactly
 * one record. Generators decide when; this class decides nothing about load.
 */
export class LoadRun implements LinkOwner, FlightOwner {
  readonly warmupMs: number;
  readonly links: SessionLink[] = [];
  readonly outcomes: OutcomeCounts = noOutcomes();
  /** Calls planned, whether or not they could be sent. */
  launched = 0;
  sent = 0;
  inFlight = 0;
  peakInFlight = 0;
  /** ∫ in-flight dt, in call-milliseconds, kept apart from the records so that it can contradict them. */
  area = 0;
  readonly #options: LoadRunOptions;
  readonly #flights = new Set<Flight>();
  readonly #limits: TimeLimits<Flight>;
  #origin: number;
  #areaAt = 0;
  #accepting = true;
  #whenIdle: (() => void) | undefined;
  readonly #onTimeUp: (() => void)[] = [];
  readonly #onStop: (() => void)[] = [];

  constructor(options: LoadRunOptions) {
    this.#options = options;
    this.warmupMs = options.warmupMs;
    this.#origin = options.clock.now();
    this.#limits = new TimeLimits(options.clock, (flight) => this.#onClientTimeout(flight));
  }

  /** Sets the run's time to 0: connecting is over, the load begins. */
  begin(): void {
    this.#origin = this.#options.clock.now();
    this.#areaAt = 0;
  }

  /** Milliseconds since the load began. */
  now(): number {
    return this.#options.clock.now() - this.#origin;
  }

  at(time: number, work: () => void): Cancel {
    return this.#options.clock.at(this.#origin + time, work);
  }

  /** False when no further call may begin. */
  get accepting(): boolean {
    return this.#accepting;
  }

  /** Opens one more session. @throws what the driver throws at the first attempt. */
  async addSession(): Promise<SessionLink> {
    const { driver, clock, client } = this.#options;
    const link = new SessionLink({
      index: this.links.length,
      driver,
      clock,
      owner: this,
      reconnect: client.reconnect ?? true,
    });
    this.links.push(link);
    clock.settle?.();
    await link.open();
    return link;
  }

  /** Plans one call that is due at `due` and sends it as soon as its session can. */
  launch(link: SessionLink, due: number, onEnd: OnEnd, call: PlannedCall = this.#options.source.next()): void {
    const flight = new Flight(this, link, due, call, onEnd);
    this.launched += 1;
    if (this.launched >= this.#options.maxCalls) this.stop();
    this.#flights.add(flight);
    const now = this.#options.clock.now();
    this.#limits.add(flight, this.#limitOf(call), now);
    if (link.connection && !this.#isUsedUp(link)) this.#send(flight, now - this.#origin);
    else if (link.isDead) this.finish(flight, { outcome: 'connect_failed' });
  }

  /** Counts a call that was due and is not sent because the scenario's cap on calls in flight is reached. */
  drop(session: number, due: number): void {
    this.#recordUnsent('dropped', session, due, this.#options.source.next());
  }

  #recordUnsent(outcome: Outcome, session: number, due: number, call: PlannedCall): void {
    this.launched += 1;
    this.outcomes[outcome] += 1;
    const record = unsentRecord({ outcome, session, due, call, warmup: due < this.warmupMs });
    this.#options.records.add(record);
    this.#options.onRecord?.(record);
  }

  /** Counts a call whose session could not be opened. */
  fail(due: number): void {
    this.#recordUnsent('connect_failed', 0, due, this.#options.source.next());
  }

  /** The load's time is over: what was due within it and is late begins now, then nothing more. */
  timeUp(): void {
    for (const catchUp of this.#onTimeUp.splice(0)) catchUp();
    this.stop();
  }

  /** Runs `catchUp` when the load's time is over, before the run stops accepting calls. */
  whenTimeIsUp(catchUp: () => void): void {
    this.#onTimeUp.push(catchUp);
  }

  /** No further call begins; those in flight go on. */
  stop(): void {
    if (!this.#accepting) return;
    this.#accepting = false;
    this.#options.clock.settle?.();
    for (const work of this.#onStop.splice(0)) work();
  }

  /** Runs `work` when the run stops accepting calls; at once when it has. */
  whenStopped(work: () => void): void {
    if (this.#accepting) this.#onStop.push(work);
    else work();
  }

  /** Waits for the calls in flight, at most `limitMs`; what is left then is recorded as censored with its age. */
  async drain(limitMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#flights.size > 0) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          this.#options.clock.settle?.();
          resolve();
        };
        const cancel = this.at(this.now() + limitMs, end);
        this.#whenIdle = () => {
          cancel();
          end();
        };
        signal?.addEventListener('abort', () => resolve(), { once: true });
        if (signal?.aborted) resolve();
      });
    }
    for (const flight of this.#flights) {
      if (!Number.isNaN(flight.sentAt)) flight.link.connection?.abandon(flight.handle, 'cancelled');
      this.finish(flight, { outcome: Number.isNaN(flight.sentAt) ? 'connect_failed' : 'censored' });
    }
  }

  /** Closes every session. */
  async close(): Promise<void> {
    this.#limits.clear();
    await Promise.all(this.links.map((link) => link.end()));
  }

  finish(flight: Flight, end: CallEnd): void {
    if (!this.#flights.delete(flight)) return;
    this.#limits.delete(flight, this.#limitOf(flight.call));
    flight.abandonTimer?.();
    const now = this.now();
    flight.outcome = end.outcome;
    flight.code = end.code ?? '';
    flight.queuedMs = end.queuedMs ?? Number.NaN;
    if (!Number.isNaN(flight.sentAt)) {
      flight.serviceMs = now - flight.sentAt;
      this.#count(now, -1);
    }
    this.outcomes[end.outcome] += 1;
    this.#options.records.add(flight);
    this.#options.onRecord?.(flight.toRecord());
    if (this.#options.spend?.add(end, flight.tokens, this.inFlight)) this.stop();
    this.#renewWhenUsed(flight.link);
    flight.onEnd(end, now);
    if (this.#flights.size === 0) this.#whenIdle?.();
  }

  lost(link: SessionLink, code: string): void {
    for (const flight of this.#flights) {
      if (flight.link === link && !Number.isNaN(flight.sentAt)) this.finish(flight, { outcome: 'closed', code });
    }
  }

  ready(link: SessionLink): void {
    for (const flight of this.#flights) {
      if (flight.link === link && Number.isNaN(flight.sentAt)) this.#send(flight);
    }
  }

  dead(link: SessionLink): void {
    for (const flight of this.#flights) {
      if (flight.link === link) this.finish(flight, { outcome: 'connect_failed' });
    }
  }

  #send(flight: Flight, now: number = this.now()): void {
    const { link } = flight;
    if (!link.connection) return;
    flight.sentAt = now;
    this.sent += 1;
    link.sent += 1;
    this.#count(now, 1);
    flight.handle = link.connection.send(flight.call, flight);
    this.#planAbandon(flight);
  }

  #planAbandon(flight: Flight): void {
    const { abandon } = this.#options.client;
    if (!abandon || this.#options.random.next() >= abandon.share) return;
    flight.abandonTimer = this.at(flight.sentAt + abandon.afterMs, () => {
      flight.link.connection?.abandon(flight.handle, 'cancelled');
      this.finish(flight, { outcome: 'cancelled', code: 'ABANDONED' });
    });
  }

  /** How long the client waits for an answer. */
  #limitOf({ deadlineMs }: PlannedCall): number {
    return deadlineMs + (this.#options.client.answerGraceMs ?? ANSWER_GRACE_MS);
  }

  #onClientTimeout(flight: Flight): void {
    if (Number.isNaN(flight.sentAt)) {
      this.finish(flight, { outcome: 'connect_failed' });
      return;
    }
    flight.link.connection?.abandon(flight.handle, 'timeout');
    this.finish(flight, { outcome: 'timeout_client' });
  }

  /** Opens the next connection of a session that has used up this one, once nothing is in flight on it. */
  #renewWhenUsed(link: SessionLink): void {
    if (!this.#isUsedUp(link) || !link.connection) return;
    for (const flight of this.#flights) if (flight.link === link && !Number.isNaN(flight.sentAt)) return;
    this.#options.clock.settle?.();
    link.renew().catch(() => undefined);
  }

  #isUsedUp(link: SessionLink): boolean {
    return link.sent >= (this.#options.client.callsPerConnection ?? Number.POSITIVE_INFINITY);
  }

  #count(now: number, change: 1 | -1): void {
    this.area += this.inFlight * (now - this.#areaAt);
    this.#areaAt = now;
    this.inFlight += change;
    if (this.inFlight > this.peakInFlight) this.peakInFlight = this.inFlight;
  }
}
